/**
 * The errors fusebert throws.
 *
 * Every error says three things: what was found, what was expected, and what to do about it. The class says whose move
 * it is, so that a program can tell a bad argument from a broken download without reading the text.
 *
 * Must stay true: names, values and messages of libraries stand in them, and no terminal that shows one obeys anything in it.
 */
import { displayable } from "./format/displayable.ts";

export interface ErrorParts {
  /** What was found, as the start of a sentence without its full stop: `topK is 0`. */
  readonly found: string;
  /** What would have been right, as a noun phrase: `a whole number of at least 1`. */
  readonly expected?: string;
  /** What to do, as a whole sentence: `Leave it out to get one answer.` */
  readonly advice?: string;
  readonly cause?: unknown;
}

/** One question of a list. */
export interface Row {
  /** Its place in the list, from 0. */
  readonly index: number;
  /** The `id` it was given with, if any. */
  readonly id?: string;
}

/** What to do about a damaged file of a model, wherever that is: on a disk, on a server, in memory. */
export const GET_AGAIN = "Get the file again from where the model came from.";

/** What to do about a file beyond a limit that no honest file of its kind comes near. */
export const NOT_ITS_NAME = "Check that it is the file its name says.";

/** The message of whatever was thrown. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** The code of an error of Node's, as `ENOENT`, or nothing. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** The base of all errors that fusebert throws on purpose. Anything else that escapes is a defect in fusebert. */
export class FusebertError extends Error {
  override readonly name: string = "FusebertError";
  readonly found: string;
  readonly expected: string | undefined;
  readonly advice: string | undefined;
  /** The place of the question at fault in the list that was asked, from 0; absent where it is not one question's fault. */
  declare readonly index?: number;
  /** That question's `id`, if it was given one. */
  declare readonly id?: string;

  constructor({ found, expected, advice, cause }: ErrorParts) {
    const shown = {
      found: displayable(found),
      expected: expected === undefined ? undefined : displayable(expected),
      advice: advice === undefined ? undefined : displayable(advice),
    };
    super(sentences(shown), cause === undefined ? undefined : { cause });
    this.found = shown.found;
    this.expected = shown.expected;
    this.advice = shown.advice;
  }

  /** A copy of this error, as the fault of one row of a list, which its message names, or of none. */
  inRow(row: Row | undefined): FusebertError {
    // By its own properties: a subclass may be made from other arguments, and have more of them.
    const copy: FusebertError = Object.create(Object.getPrototypeOf(this), Object.getOwnPropertyDescriptors(this));
    const message = `${rowName(row)}${sentences(this)}`;
    const define = (name: string, value: unknown, enumerable = true): void => {
      Object.defineProperty(copy, name, { value, writable: true, configurable: true, enumerable });
    };
    define("message", message, false);
    define(
      "stack",
      this.stack?.replace(this.message, () => message),
      false,
    );
    Reflect.deleteProperty(copy, "index");
    Reflect.deleteProperty(copy, "id");
    if (row !== undefined) define("index", row.index);
    if (row?.id !== undefined) define("id", row.id);
    return copy;
  }
}

function sentences({ found, expected, advice }: Pick<FusebertError, "found" | "expected" | "advice">): string {
  const fact = expected === undefined ? `${found}.` : `${found}; expected ${expected}.`;
  return `${fact} ${advice ?? ""}`.trim();
}

function rowName(row: Row | undefined): string {
  if (row === undefined) return "";
  return `questions[${row.index}]${row.id === undefined ? "" : ` (id ${displayable(JSON.stringify(row.id))})`}: `;
}

/** The caller's arguments or text are wrong: an option out of range, an empty context, a question too long. */
export class InputError extends FusebertError {
  override readonly name = "InputError";
}

/** The model's files are missing, damaged, contradictory or of a kind fusebert cannot use. */
export class CheckpointError extends FusebertError {
  override readonly name = "CheckpointError";
}

/** A model could not be fetched: no network, refused, not found, interrupted. */
export class DownloadError extends FusebertError {
  override readonly name = "DownloadError";
}

/** An engine is not available here, or failed while it computed. */
export class EngineError extends FusebertError {
  override readonly name = "EngineError";
}

/** A result could not be written, or not all of it: a full disk, a quota, a device that fails. */
export class WriteError extends FusebertError {
  override readonly name = "WriteError";
}
