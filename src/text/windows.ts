/**
 * Windows over a long context: each is [CLS] question [SEP] part of the context [SEP], and neighbours overlap, so that an
 * answer cut by one window's edge stands whole in the next.
 *
 * Must stay true: every context token is in at least one window, neighbours share exactly `docStride` tokens, no window is
 * longer than `maxSequenceLength`, and none lies wholly within another. These are the windows of Hugging Face's
 * `truncation="only_second", stride=docStride, return_overflowing_tokens=True`.
 */
import { InputError } from "../errors.ts";
import type { Encoding } from "./encoding.ts";
import type { SpecialTokens } from "./tokenizer-definition.ts";

export interface WindowOptions {
  /** Tokens of a window at most, [CLS] and both [SEP] included. */
  readonly maxSequenceLength: number;
  /** The overlap of neighbours, in tokens. */
  readonly docStride: number;
}

export interface TextWindow {
  /** [CLS] question [SEP] context part [SEP] */
  readonly inputIds: Int32Array;
  /** 0 for [CLS] question [SEP], 1 for the context part and the last [SEP]. */
  readonly tokenTypeIds: Int32Array;
  /** Position in the sequence of the first context token. */
  readonly contextOffset: number;
  /** The context tokens it holds: [contextStart, contextEnd) of the context's Encoding. */
  readonly contextStart: number;
  readonly contextEnd: number;
}

/** [CLS] and two [SEP]. */
const SEPARATORS = 3;

/**
 * How many windows `makeWindows` makes, given the numbers of tokens. An empty context has none.
 * @throws InputError when no windows are possible with these lengths and options.
 */
export function countWindows(questionLength: number, contextLength: number, options: WindowOptions): number {
  const room = roomForContext(questionLength, options);
  if (contextLength === 0) return 0;
  return 1 + Math.ceil(Math.max(0, contextLength - room) / (room - options.docStride));
}

/**
 * Lazily: a window is made when it is asked for.
 * @throws InputError at the first one, when no windows are possible with these lengths and options.
 */
export function* makeWindows(
  question: Encoding,
  context: Encoding,
  special: SpecialTokens,
  options: WindowOptions,
): Generator<TextWindow> {
  const room = roomForContext(question.length, options);
  const step = room - options.docStride;
  const count = countWindows(question.length, context.length, options);
  for (let index = 0; index < count; index++) {
    const start = index * step;
    yield makeWindow(question, context, special, start, Math.min(start + room, context.length));
  }
}

function makeWindow(
  question: Encoding,
  context: Encoding,
  special: SpecialTokens,
  contextStart: number,
  contextEnd: number,
): TextWindow {
  const contextOffset = question.length + 2;
  const length = question.length + (contextEnd - contextStart) + SEPARATORS;
  const inputIds = new Int32Array(length);
  inputIds[0] = special.cls;
  inputIds.set(question.ids, 1);
  inputIds[contextOffset - 1] = special.sep;
  inputIds.set(context.ids.subarray(contextStart, contextEnd), contextOffset);
  inputIds[length - 1] = special.sep;
  const tokenTypeIds = new Int32Array(length).fill(1, contextOffset);
  return { inputIds, tokenTypeIds, contextOffset, contextStart, contextEnd };
}

/** How many context tokens a window holds. */
function roomForContext(questionLength: number, { maxSequenceLength, docStride }: WindowOptions): number {
  requireWhole("maxSequenceLength", maxSequenceLength);
  requireWhole("docStride", docStride);
  const room = maxSequenceLength - questionLength - SEPARATORS;
  if (room <= 0) {
    throw new InputError({
      found:
        `The question has ${questionLength} tokens, which with ${SEPARATORS} separators leave no room for the context ` +
        `in windows of maxSequenceLength ${maxSequenceLength}`,
      expected: `a question of at most ${Math.max(0, maxSequenceLength - SEPARATORS - 1 - docStride)} tokens`,
      advice: "Shorten the question or raise maxSequenceLength.",
    });
  }
  if (docStride >= room) {
    throw new InputError({
      found:
        `docStride is ${docStride}, but a window of maxSequenceLength ${maxSequenceLength} has room for only ${room} ` +
        `context tokens beside the question's ${questionLength} and ${SEPARATORS} separators`,
      expected: `an overlap of at most ${room - 1}`,
      advice: "Lower docStride, shorten the question or raise maxSequenceLength.",
    });
  }
  return room;
}

function requireWhole(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new InputError({
    found: `${name} is ${value}`,
    expected: "a whole number of tokens, not negative",
    advice: "Leave it out to get the default.",
  });
}
