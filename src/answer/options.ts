/**
 * How answers are chosen: the options of Hugging Face's v4 question-answering pipeline, their defaults, and ours beside
 * them. `docs/semantics.md` has the formulas.
 */
import { checkChoice, describeArgument } from "../arguments.ts";
import { InputError } from "../errors.ts";
import { type OffsetUnit, offsetUnits } from "./code-points.ts";
import { maxKeptSpans, spansForDisjoint } from "./disjoint-spans.ts";

/** `probability` is v4's; `logits` is comparable across the windows of a long text. */
export type Scoring = "probability" | "logits";

/** Whether answers may overlap: `allow` is v4's; `none` keeps the best of those that do. */
export type Overlap = "allow" | "none";

/** Which end of a question that is too long is cut. */
export type TruncatedSide = "end" | "start";

export const scorings: readonly Scoring[] = ["probability", "logits"];
export const overlaps: readonly Overlap[] = ["allow", "none"];
export const truncatedSides: readonly TruncatedSide[] = ["end", "start"];

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
  /**
   * Cut a question that is too long, and say so in the result, instead of throwing: at its `end` (as v4 does, and the
   * same as `true`), or at its `start`, where the question itself seldom stands. Default false.
   */
  readonly truncateQuestion?: boolean | TruncatedSide;
  /** Give no answer where the model finds that the text holds none. Default false: the best span, however bad. */
  readonly handleImpossibleAnswer?: boolean;
  /** Default `probability`. */
  readonly scoring?: Scoring;
  /** With `scoring: "logits"` and `handleImpossibleAnswer`: an answer must score at least this. Default 0. */
  readonly noAnswerThreshold?: number;
  /** Widen an answer to whole words. Default true. */
  readonly alignToWords?: boolean;
  /** Default `allow`. */
  readonly overlap?: Overlap;
  /** What `start` and `end` count. Default `utf-16`, as JavaScript does; `code-point` is Python's. */
  readonly offsetUnit?: OffsetUnit;
}

export interface ResolvedAnswerOptions extends Required<AnswerOptions> {
  readonly truncateQuestion: false | TruncatedSide;
}

const defaultMaxSequenceLength = 384;
const defaultDocStride = 128;

/** The names of all options. */
export const answerOptionNames: readonly (keyof AnswerOptions)[] = [
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
  "overlap",
  "offsetUnit",
];

/**
 * Fills in the defaults.
 * @param maxPositions the longest sequence the model can take, in tokens.
 * @throws InputError naming the option that is out of range or contradicts another.
 */
export function resolveAnswerOptions(options: AnswerOptions, maxPositions: number): ResolvedAnswerOptions {
  const scoring = oneOf("scoring", options.scoring, scorings, "probability");
  const maxSequenceLength = atLeastOne("maxSequenceLength", options, Math.min(defaultMaxSequenceLength, maxPositions));
  if (maxSequenceLength > maxPositions) {
    throw new InputError({
      found: `maxSequenceLength is ${maxSequenceLength}`,
      expected: `at most ${maxPositions}, the positions this model has`,
      advice: "Long texts need no longer sequence: they are read in windows.",
    });
  }
  const handleImpossibleAnswer = flag("handleImpossibleAnswer", options, false);
  const topK = atLeastOne("topK", options, 1);
  const maxAnswerLength = Math.min(atLeastOne("maxAnswerLength", options, 15), maxSequenceLength);
  const overlap = oneOf("overlap", options.overlap, overlaps, "allow");
  if (overlap === "none") checkKept(topK, maxAnswerLength);
  return {
    topK,
    maxAnswerLength,
    maxSequenceLength,
    docStride: wholeNumber("docStride", options, Math.min(defaultDocStride, Math.floor(maxSequenceLength / 2)), 0),
    maxQuestionLength: atLeastOne("maxQuestionLength", options, 64),
    truncateQuestion: truncatedSide(options.truncateQuestion ?? false),
    handleImpossibleAnswer,
    scoring,
    noAnswerThreshold: threshold(options, scoring, handleImpossibleAnswer),
    alignToWords: flag("alignToWords", options, true),
    overlap,
    offsetUnit: oneOf("offsetUnit", options.offsetUnit, offsetUnits, "utf-16"),
  };
}

/** @throws InputError where answers that do not overlap would have to be chosen from too many spans. */
function checkKept(topK: number, maxAnswerLength: number): void {
  if (spansForDisjoint(topK, maxAnswerLength) <= maxKeptSpans) return;
  let most = topK;
  while (spansForDisjoint(most, maxAnswerLength) > maxKeptSpans) most = Math.floor(most / 2);
  while (spansForDisjoint(most + 1, maxAnswerLength) <= maxKeptSpans) most++;
  throw new InputError({
    found: `topK is ${topK} with maxAnswerLength ${maxAnswerLength}, of answers that do not overlap`,
    expected: `a topK of at most ${most}`,
    advice: 'Ask for fewer or shorter answers, or let them overlap: overlap "allow".',
  });
}

type NumberOption = "topK" | "maxAnswerLength" | "maxSequenceLength" | "docStride" | "maxQuestionLength";

function atLeastOne(name: NumberOption, options: AnswerOptions, fallback: number): number {
  return wholeNumber(name, options, fallback, 1);
}

function wholeNumber(name: NumberOption, options: AnswerOptions, fallback: number, least: number): number {
  const value = options[name] ?? fallback;
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new InputError({
    found: `${name} is ${describeArgument(value)}`,
    expected: `a whole number of at least ${least}`,
  });
}

function flag(name: "handleImpossibleAnswer" | "alignToWords", options: AnswerOptions, fallback: boolean): boolean {
  const value = options[name] ?? fallback;
  if (typeof value === "boolean") return value;
  throw new InputError({ found: `${name} is ${describeArgument(value)}`, expected: "true or false" });
}

function truncatedSide(value: boolean | TruncatedSide): false | TruncatedSide {
  checkChoice("truncateQuestion", value, [...truncatedSides, true, false]);
  return value === true ? "end" : value;
}

function oneOf<T extends string>(name: string, value: T | undefined, choices: readonly T[], fallback: T): T {
  checkChoice(name, value, choices);
  return value ?? fallback;
}

function threshold(options: AnswerOptions, scoring: Scoring, handleImpossibleAnswer: boolean): number {
  const value = options.noAnswerThreshold;
  if (value === undefined) return 0;
  if (typeof value !== "number" || Number.isNaN(value)) {
    throw new InputError({ found: `noAnswerThreshold is ${describeArgument(value)}`, expected: "a number" });
  }
  if (scoring !== "logits" || !handleImpossibleAnswer) {
    throw new InputError({
      found: "noAnswerThreshold is given, but would not be used",
      expected: 'scoring "logits" and handleImpossibleAnswer true beside it',
    });
  }
  return value;
}
