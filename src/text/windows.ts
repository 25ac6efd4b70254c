/**
 * Windows over a long context: each is the question and a slice of the context in the tokenizer's pair template
 * (`[CLS] question [SEP] slice [SEP]` in BERT). Neighbours overlap, so that an answer cut by one window's edge is complete
 * in the next.
 *
 * Must stay true: every context token is in at least one window, neighbours share exactly `docStride` tokens, no window
 * is longer than `maxSequenceLength`, and none contains another. The windows equal Hugging Face's for
 * `truncation="only_second", stride=docStride, return_overflowing_tokens=True`.
 */
import { InputError } from "../errors.ts";
import type { Encoding } from "./encoding.ts";
import { type PairTemplate, specialCount, type TemplateToken } from "./pair-template.ts";

export interface WindowOptions {
  /** In tokens, including the special ones. */
  readonly maxSequenceLength: number;
  /** Overlap of neighbouring windows, in tokens. */
  readonly docStride: number;
}

export interface TextWindow {
  readonly inputIds: Int32Array;
  /** As the template gives them: in BERT 0 for [CLS] question [SEP], 1 for the context slice and the last [SEP]. */
  readonly tokenTypeIds: Int32Array;
  /** Position of the first context token in the sequence. */
  readonly contextOffset: number;
  /** The slice is tokens [contextStart, contextEnd) of the context's Encoding. */
  readonly contextStart: number;
  readonly contextEnd: number;
}

/**
 * The number of windows that `makeWindows` yields, from lengths in tokens; 0 for an empty context.
 * @throws InputError if no window fits these lengths and options.
 */
export function countWindows(
  questionLength: number,
  contextLength: number,
  template: PairTemplate,
  options: WindowOptions,
): number {
  const capacity = contextCapacity(questionLength, template, options);
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
  template: PairTemplate,
  options: WindowOptions,
): Generator<TextWindow> {
  const capacity = contextCapacity(question.length, template, options);
  const step = capacity - options.docStride;
  const count = countWindows(question.length, context.length, template, options);
  for (let index = 0; index < count; index++) {
    const start = index * step;
    yield makeWindow(question, context, template, start, Math.min(start + capacity, context.length));
  }
}

function makeWindow(
  question: Encoding,
  context: Encoding,
  template: PairTemplate,
  contextStart: number,
  contextEnd: number,
): TextWindow {
  const { before, questionType, between, textType, after } = template;
  const questionOffset = before.length;
  const contextOffset = questionOffset + question.length + between.length;
  const afterOffset = contextOffset + (contextEnd - contextStart);
  const inputIds = new Int32Array(afterOffset + after.length);
  const tokenTypeIds = new Int32Array(inputIds.length);
  const place = (tokens: readonly TemplateToken[], offset: number): void => {
    for (const [index, { id, type }] of tokens.entries()) {
      inputIds[offset + index] = id;
      tokenTypeIds[offset + index] = type;
    }
  };
  place(before, 0);
  inputIds.set(question.ids, questionOffset);
  tokenTypeIds.fill(questionType, questionOffset, questionOffset + question.length);
  place(between, questionOffset + question.length);
  inputIds.set(context.ids.subarray(contextStart, contextEnd), contextOffset);
  tokenTypeIds.fill(textType, contextOffset, afterOffset);
  place(after, afterOffset);
  return { inputIds, tokenTypeIds, contextOffset, contextStart, contextEnd };
}

/** The number of context tokens in a full window. */
function contextCapacity(
  questionLength: number,
  template: PairTemplate,
  { maxSequenceLength, docStride }: WindowOptions,
): number {
  const specials = specialCount(template);
  requireTokenCount("maxSequenceLength", maxSequenceLength);
  requireTokenCount("docStride", docStride);
  const capacity = maxSequenceLength - questionLength - specials;
  if (capacity <= 0) {
    throw new InputError({
      found:
        `The question has ${questionLength} tokens, which with ${specials} special tokens leave no room for the context ` +
        `in windows of maxSequenceLength ${maxSequenceLength}`,
      expected: `a question of at most ${Math.max(0, maxSequenceLength - specials - 1 - docStride)} tokens`,
      advice: "Shorten the question or raise maxSequenceLength.",
    });
  }
  if (docStride >= capacity) {
    throw new InputError({
      found:
        `docStride is ${docStride}, but a window of maxSequenceLength ${maxSequenceLength} has room for only ${capacity} ` +
        `context tokens beside the question's ${questionLength} and ${specials} special tokens`,
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
