/**
 * Question and result types, and checks of the caller's questions.
 *
 * Must stay true: an invalid row is found before its text is tokenised, and its error names the row.
 */
import type { AnswerResult } from "./answer/answer-collector.ts";
import { describeArgument, isRecord } from "./arguments.ts";
import { type FusebertError, InputError, type Row } from "./errors.ts";

export interface Question {
  readonly question: string;
  /** The text that holds the answer, of any length. */
  readonly context: string;
  /** Any name; the question's result and error carry it. */
  readonly id?: string;
}

/** The result of a question that could not be answered, with `onError: "return"`. */
export interface AnswerFailure extends Row {
  readonly error: FusebertError;
}

/** What `stream` yields. */
export type StreamedAnswer = (AnswerResult & Row) | AnswerFailure;

export interface QuestionRow extends Row {
  readonly question: string;
  readonly context: string;
}

/**
 * @param index position in the list of questions.
 * @throws InputError if it is invalid.
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

/** For the error of an input that may not be a valid question. */
export function rowOf(input: unknown, index: number): Row {
  const id = isRecord(input) ? input["id"] : undefined;
  return { index, ...(typeof id === "string" && { id }) };
}
