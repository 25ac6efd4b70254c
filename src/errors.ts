/**
 * The errors fusebert throws.
 *
 * Every error says three things: what was found, what was expected, and what to do. The class tells a program who can
 * fix it: a bad argument, a broken download and so on.
 *
 * Must stay true: messages quote names, values and messages of libraries, but contain nothing a terminal interprets.
 */
import { displayable } from "./format/displayable.ts";

export interface ErrorParts {
  /** A sentence without the full stop: `topK is 0`. */
  readonly found: string;
  /** A noun phrase: `a whole number of at least 1`. */
  readonly expected?: string;
  /** What to do, as sentences: `Leave it out to get one answer.` */
  readonly advice?: string;
  readonly cause?: unknown;
}

/** Identifies one question of a list. */
export interface Row {
  /** Position in the list, from 0. */
  readonly index: number;
  /** The question's `id`, if any. */
  readonly id?: string;
}

/** Advice for a damaged model file, from any source. */
export const GET_AGAIN = "Get the file again from where the model came from.";

/** Advice for a file beyond a limit that no genuine file of its kind comes near. */
export const CHECK_FILE_KIND = "Check that it is the file its name says.";

/** The message of any thrown value. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** The code of a Node error such as `ENOENT`, or an empty string. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** The base of all errors that fusebert throws on purpose. Anything else that escapes is a defect in fusebert. */
export class FusebertError extends Error {
  override readonly name: string = "FusebertError";
  readonly found: string;
  readonly expected: string | undefined;
  readonly advice: string | undefined;
  /** Position, from 0, of the question that caused the error; absent if none did. */
  declare readonly index?: number;
  /** That question's `id`, if any. */
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

  /** A copy whose message names the row that caused it, or none. */
  inRow(row: Row | undefined): FusebertError {
    // Copies properties: a subclass may have other constructor arguments and more properties.
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

/** The caller's arguments are invalid: an option out of range, an empty context, a question too long. */
export class InputError extends FusebertError {
  override readonly name = "InputError";
}

/** The model's files are missing, damaged, contradictory or unsupported. */
export class CheckpointError extends FusebertError {
  override readonly name = "CheckpointError";
}

/** A model could not be downloaded: no network, access denied, not found, interrupted. */
export class DownloadError extends FusebertError {
  override readonly name = "DownloadError";
}

/** An engine is not available, or failed while computing. */
export class EngineError extends FusebertError {
  override readonly name = "EngineError";
}

/** A result could not be written completely: a full disk, a quota, a failing device. */
export class WriteError extends FusebertError {
  override readonly name = "WriteError";
}
