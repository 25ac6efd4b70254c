/**
 * Windows over a long context: each is [CLS] question [SEP] context slice [SEP]. Neighbours overlap, so that an answer
 * cut by one window's edge is complete in the next.
 *
 * Must stay true: every context token is in at least one window, neighbours share exactly `docStride` tokens, no window
 * is longer than `maxSequenceLength`, and none contains another. The windows equal Hugging Face's for
 * `truncation="only_second", stride=docStride, return_overflowing_tokens=True`.
 */
import { InputError } from "../errors.ts";
import type { Encoding } from "./encoding.ts";
import type { SpecialTokens } from "./tokenizer-definition.ts";

export interface WindowOptions {
  /** In tokens, including [CLS] and both [SEP]. */
  readonly maxSequenceLength: number;
  /** Overlap of neighbouring windows, in tokens. */
  readonly docStride: number;
}

export interface TextWindow {
  /** [CLS] question [SEP] context slice [SEP] */
  readonly inputIds: Int32Array;
  /** 0 for [CLS] question [SEP], 1 for the context slice and the last [SEP]. */
  readonly tokenTypeIds: Int32Array;
  /** Position of the first context token in the sequence. */
  readonly contextOffset: number;
  /** The slice is tokens [contextStart, contextEnd) of the context's Encoding. */
  readonly contextStart: number;
  readonly contextEnd: number;
}

/** [CLS] and two [SEP]. */
export const SEPARATORS = 3;

/**
 * The number of windows that `makeWindows` yields, from lengths in tokens; 0 for an empty context.
 * @throws InputError if no window fits these lengths and options.
 */
export function countWindows(questionLength: number, contextLength: number, options: WindowOptions): number {
  const capacity = contextCapacity(questionLength, options);
  if (contextLength === 0) return 0;
  return 1 + Math.ceil(Math.max(0, contextLength - capacity) / (capacity - options.docStride));
}

/**
 * Makes the windows lazily.
 * @throws InputError at the first one, if no window fits these lengths and options.
 */
export function* makeWindows(
  question: Encoding,
  context: Encoding,
  special: SpecialTokens,
  options: WindowOptions,
): Generator<TextWindow> {
  const capacity = contextCapacity(question.length, options);
  const step = capacity - options.docStride;
  const count = countWindows(question.length, context.length, options);
  for (let index = 0; index < count; index++) {
    const start = index * step;
    yield makeWindow(question, context, special, start, Math.min(start + capacity, context.length));
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

/** The number of context tokens in a full window. */
function contextCapacity(questionLength: number, { maxSequenceLength, docStride }: WindowOptions): number {
  requireTokenCount("maxSequenceLength", maxSequenceLength);
  requireTokenCount("docStride", docStride);
  const capacity = maxSequenceLength - questionLength - SEPARATORS;
  if (capacity <= 0) {
    throw new InputError({
      found:
        `The question has ${questionLength} tokens, which with ${SEPARATORS} separators leave no room for the context ` +
        `in windows of maxSequenceLength ${maxSequenceLength}`,
      expected: `a question of at most ${Math.max(0, maxSequenceLength - SEPARATORS - 1 - docStride)} tokens`,
      advice: "Shorten the question or raise maxSequenceLength.",
    });
  }
  if (docStride >= capacity) {
    throw new InputError({
      found:
        `docStride is ${docStride}, but a window of maxSequenceLength ${maxSequenceLength} has room for only ${capacity} ` +
        `context tokens beside the question's ${questionLength} and ${SEPARATORS} separators`,
      expected: `an overlap of at most ${capacity - 1}`,
      advice: "Lower docStride, shorten the question or raise maxSequenceLength.",
    });
  }
  return capacity;
}

function requireTokenCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new InputError({
    found: `${name} is ${value}`,
    expected: "a whole number of tokens, not negative",
    advice: "Leave it out to get the default.",
  });
}
