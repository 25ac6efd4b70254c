/**
 * Options for choosing answers: those of Hugging Face's v4 question-answering pipeline with their defaults, and our
 * own. `docs/semantics.md` has the formulas.
 */
import { checkChoice, describeArgument } from "../arguments.ts";
import { InputError } from "../errors.ts";
import { type OffsetUnit, offsetUnits } from "./code-points.ts";
import { maxKeptSpans, spansForDisjoint } from "./disjoint-spans.ts";

/** `probability` is v4's; `logits` is comparable across the windows of a long text. */
export type Scoring = "probability" | "logits";

/** `allow` is v4's; `none` keeps only the best of overlapping answers. */
export type Overlap = "allow" | "none";

/** Which end of a too long question is cut. */
export type TruncatedSide = "end" | "start";

export const scorings: readonly Scoring[] = ["probability", "logits"];
export const overlaps: readonly Overlap[] = ["allow", "none"];
export const truncatedSides: readonly TruncatedSide[] = ["end", "start"];

export interface AnswerOptions {
  /** Maximum number of answers. Default 1. */
  readonly topK?: number;
  /** Maximum length of an answer, in tokens. Default 15. */
  readonly maxAnswerLength?: number;
  /** Tokens per window, including question and special tokens. Default 384, or the model's limit if that is less. */
  readonly maxSequenceLength?: number;
  /** Tokens that neighbouring windows share. Default 128, or half of maxSequenceLength if that is less. */
  readonly docStride?: number;
  /** Maximum length of a question, in tokens. A longer one is an error, or cut with `truncateQuestion`. Default 64. */
  readonly maxQuestionLength?: number;
  /**
   * Cuts a too long question instead of throwing, and reports it in the result: at its `end` (as v4 does; same as
   * `true`), or at its `start`, which seldom holds the actual question. Default false.
   */
  readonly truncateQuestion?: boolean | TruncatedSide;
  /** Gives no answer if the model finds none in the text. Default false: always the best span. */
  readonly handleImpossibleAnswer?: boolean;
  /** Default `probability`. */
  readonly scoring?: Scoring;
  /** With `scoring: "logits"` and `handleImpossibleAnswer`: the minimum score of an answer. Default: the model's, or 0. */
  readonly noAnswerThreshold?: number;
  /** Widens answers to whole words. Default true. */
  readonly alignToWords?: boolean;
  /** Default `allow`. */
  readonly overlap?: Overlap;
  /** Unit of `start` and `end`. Default `utf-16`, as in JavaScript; `code-point` as in Python. */
  readonly offsetUnit?: OffsetUnit;
}

export interface ResolvedAnswerOptions extends Required<AnswerOptions> {
  readonly truncateQuestion: false | TruncatedSide;
}

const defaultMaxSequenceLength = 384;
const defaultDocStride = 128;

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
 * @param maxPositions the model's longest sequence, in tokens.
 * @param defaultThreshold the model's default of `noAnswerThreshold`.
 * @throws InputError for an option that is out of range or contradicts another.
 */
export function resolveAnswerOptions(
  options: AnswerOptions,
  maxPositions: number,
  defaultThreshold = 0,
): ResolvedAnswerOptions {
  const scoring = oneOf("scoring", options.scoring, scorings, "probability");
  const maxSequenceLength = atLeastOne("maxSequenceLength", options, Math.min(defaultMaxSequenceLength, maxPositions));
  if (maxSequenceLength > maxPositions) {
    throw new InputError({
      found: `maxSequenceLength is ${maxSequenceLength}`,
      expected: `at most ${maxPositions}, the positions this model has`,
      advice: "Long texts do not need a longer sequence: they are read in windows.",
    });
  }
  const handleImpossibleAnswer = flag("handleImpossibleAnswer", options, false);
  const topK = atLeastOne("topK", options, 1);
  const maxAnswerLength = Math.min(atLeastOne("maxAnswerLength", options, 15), maxSequenceLength);
  const overlap = oneOf("overlap", options.overlap, overlaps, "allow");
  if (overlap === "none") checkKeptSpans(topK, maxAnswerLength);
  return {
    topK,
    maxAnswerLength,
    maxSequenceLength,
    docStride: wholeNumber("docStride", options, Math.min(defaultDocStride, Math.floor(maxSequenceLength / 2)), 0),
    maxQuestionLength: atLeastOne("maxQuestionLength", options, 64),
    truncateQuestion: truncatedSide(options.truncateQuestion ?? false),
    handleImpossibleAnswer,
    scoring,
    noAnswerThreshold: givenThreshold(options, scoring, handleImpossibleAnswer) ?? defaultThreshold,
    alignToWords: flag("alignToWords", options, true),
    overlap,
    offsetUnit: oneOf("offsetUnit", options.offsetUnit, offsetUnits, "utf-16"),
  };
}

/** @throws InputError if disjoint answers would have to be chosen from too many spans. */
function checkKeptSpans(topK: number, maxAnswerLength: number): void {
  if (spansForDisjoint(topK, maxAnswerLength) <= maxKeptSpans) return;
  let max = topK;
  while (spansForDisjoint(max, maxAnswerLength) > maxKeptSpans) max = Math.floor(max / 2);
  while (spansForDisjoint(max + 1, maxAnswerLength) <= maxKeptSpans) max++;
  throw new InputError({
    found: `topK is ${topK} with maxAnswerLength ${maxAnswerLength}, for answers that do not overlap`,
    expected: `a topK of at most ${max}`,
    advice: 'Ask for fewer or shorter answers, or let them overlap: overlap "allow".',
  });
}

type NumberOption = "topK" | "maxAnswerLength" | "maxSequenceLength" | "docStride" | "maxQuestionLength";

function atLeastOne(name: NumberOption, options: AnswerOptions, fallback: number): number {
  return wholeNumber(name, options, fallback, 1);
}

function wholeNumber(name: NumberOption, options: AnswerOptions, fallback: number, min: number): number {
  const value = options[name] ?? fallback;
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new InputError({
    found: `${name} is ${describeArgument(value)}`,
    expected: `a whole number of at least ${min}`,
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

function givenThreshold(options: AnswerOptions, scoring: Scoring, handleImpossibleAnswer: boolean): number | undefined {
  const value = options.noAnswerThreshold;
  if (value === undefined) return undefined;
  if (typeof value !== "number" || Number.isNaN(value)) {
    throw new InputError({ found: `noAnswerThreshold is ${describeArgument(value)}`, expected: "a number" });
  }
  if (scoring !== "logits" || !handleImpossibleAnswer) {
    throw new InputError({
      found: "noAnswerThreshold is given, but would not be used",
      expected: 'scoring "logits" and handleImpossibleAnswer true',
    });
  }
  return value;
}
