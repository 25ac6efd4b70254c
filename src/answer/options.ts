/**
 * How answers are chosen: the options of Hugging Face's v4 question-answering pipeline, their defaults, and ours beside
 * them. `docs/semantics.md` has the formulas.
 */
import { InputError } from "../errors.ts";

/** `probability` is v4's; `logits` is comparable across the windows of a long text. */
export type Scoring = "probability" | "logits";

export interface AnswerOptions {
  /** How many answers to give at most. Default 1. */
  readonly topK?: number;
  /** Longest answer in tokens. Default 15. */
  readonly maxAnswerLength?: number;
  /** Tokens a window holds, question and special tokens included. Default 384, or the model's limit if that is less. */
  readonly maxSequenceLength?: number;
  /** Tokens that neighbouring windows share. Default 128, or half of maxSequenceLength if that is less. */
  readonly docStride?: number;
  /** Longest question in tokens. A longer one is an error, or shortened with `truncateQuestion`. Default 64. */
  readonly maxQuestionLength?: number;
  /** Cut a question that is too long, and say so in the result, instead of throwing. Default false. */
  readonly truncateQuestion?: boolean;
  /** Give no answer where the model finds that the text holds none. Default false: the best span, however bad. */
  readonly handleImpossibleAnswer?: boolean;
  /** Default `probability`. */
  readonly scoring?: Scoring;
  /** With `scoring: "logits"` and `handleImpossibleAnswer`: an answer must score at least this. Default 0. */
  readonly noAnswerThreshold?: number;
  /** Widen an answer to whole words. Default true. */
  readonly alignToWords?: boolean;
}

export type ResolvedAnswerOptions = Required<AnswerOptions>;

const defaultMaxSequenceLength = 384;
const defaultDocStride = 128;

const known = new Set([
  "topK",
  "maxAnswerLength",
  "maxSequenceLength",
  "docStride",
  "maxQuestionLength",
  "truncateQuestion",
  "handleImpossibleAnswer",
  "scoring",
  "noAnswerThreshold",
  "alignToWords",
]);

/**
 * Fills in the defaults.
 * @param maxPositions the longest sequence the model can take, in tokens.
 * @throws InputError naming the option that is unknown, out of range or contradicts another.
 */
export function resolveAnswerOptions(options: AnswerOptions, maxPositions: number): ResolvedAnswerOptions {
  const unknown = Object.keys(options).find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new InputError({ found: `there is no option ${unknown}`, expected: `one of ${[...known].join(", ")}` });
  }
  const scoring = options.scoring ?? "probability";
  if (scoring !== "probability" && scoring !== "logits") {
    throw new InputError({ found: `scoring is ${JSON.stringify(scoring)}`, expected: "probability or logits" });
  }
  const maxSequenceLength = atLeastOne("maxSequenceLength", options, Math.min(defaultMaxSequenceLength, maxPositions));
  if (maxSequenceLength > maxPositions) {
    throw new InputError({
      found: `maxSequenceLength is ${maxSequenceLength}`,
      expected: `at most ${maxPositions}, the positions this model has`,
      advice: "Long texts need no longer sequence: they are read in windows.",
    });
  }
  const handleImpossibleAnswer = flag("handleImpossibleAnswer", options, false);
  return {
    topK: atLeastOne("topK", options, 1),
    maxAnswerLength: atLeastOne("maxAnswerLength", options, 15),
    maxSequenceLength,
    docStride: wholeNumber("docStride", options, Math.min(defaultDocStride, Math.floor(maxSequenceLength / 2)), 0),
    maxQuestionLength: atLeastOne("maxQuestionLength", options, 64),
    truncateQuestion: flag("truncateQuestion", options, false),
    handleImpossibleAnswer,
    scoring,
    noAnswerThreshold: threshold(options, scoring, handleImpossibleAnswer),
    alignToWords: flag("alignToWords", options, true),
  };
}

type NumberOption = "topK" | "maxAnswerLength" | "maxSequenceLength" | "docStride" | "maxQuestionLength";

function atLeastOne(name: NumberOption, options: AnswerOptions, fallback: number): number {
  return wholeNumber(name, options, fallback, 1);
}

function wholeNumber(name: NumberOption, options: AnswerOptions, fallback: number, least: number): number {
  const value = options[name] ?? fallback;
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new InputError({ found: `${name} is ${String(value)}`, expected: `a whole number of at least ${least}` });
}

function flag(
  name: "truncateQuestion" | "handleImpossibleAnswer" | "alignToWords",
  options: AnswerOptions,
  fallback: boolean,
): boolean {
  const value = options[name] ?? fallback;
  if (typeof value === "boolean") return value;
  throw new InputError({ found: `${name} is ${String(value)}`, expected: "true or false" });
}

function threshold(options: AnswerOptions, scoring: Scoring, handleImpossibleAnswer: boolean): number {
  const value = options.noAnswerThreshold;
  if (value === undefined) return 0;
  if (typeof value !== "number" || Number.isNaN(value)) {
    throw new InputError({ found: `noAnswerThreshold is ${String(value)}`, expected: "a number" });
  }
  if (scoring !== "logits" || !handleImpossibleAnswer) {
    throw new InputError({
      found: "noAnswerThreshold is given, but would not be used",
      expected: 'scoring "logits" and handleImpossibleAnswer true beside it',
    });
  }
  return value;
}
