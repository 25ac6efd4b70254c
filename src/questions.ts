/**
 * The questions a caller asks, checked, and what comes back for each.
 *
 * Must stay true: a wrong row is found before its text is tokenised, and its error names the row.
 */
import type { AnswerResult } from "./answer/answer-collector.ts";
import { describeArgument, isRecord } from "./arguments.ts";
import { type FusebertError, InputError, type Row } from "./errors.ts";

export interface Question {
  readonly question: string;
  /** The text that holds the answer, of any length. */
  readonly context: string;
  /** The caller's own name for this question: its result and its error carry it. */
  readonly id?: string;
}

/** With `onError: "return"`: what comes back for a question that could not be answered. */
export interface AnswerFailure extends Row {
  readonly error: FusebertError;
}

/** What `stream` gives, in the order in which it is ready. */
export type StreamedAnswer = (AnswerResult & Row) | AnswerFailure;

/** A question with its place in the list. */
export interface QuestionRow extends Row {
  readonly question: string;
  readonly context: string;
}

/**
 * @param index the place in a list, if it is in one.
 * @throws InputError that says what is wrong with it.
 */
export function checkQuestion(input: unknown, index: number): QuestionRow {
  if (!isRecord(input)) {
    throw new InputError({
      found: `the question is ${describeArgument(input)}`,
      expected: "an object with question and context",
    });
  }
  const { question, context, id } = input;
  return {
    index,
    question: checkedText("question", question),
    context: checkedText("context", context),
    ...(id !== undefined && { id: checkedText("id", id) }),
  };
}

function checkedText(name: string, text: unknown): string {
  if (typeof text === "string") return text;
  throw new InputError({ found: `the ${name} is ${describeArgument(text)}`, expected: "a string" });
}

/** The id of what may be a question: for the error of one that is none. */
export function rowOf(input: unknown, index: number): Row {
  const id = isRecord(input) ? input["id"] : undefined;
  return { index, ...(typeof id === "string" && { id }) };
}
