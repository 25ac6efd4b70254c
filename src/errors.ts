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

/** The message of whatever was thrown. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** The base of all errors that fusebert throws on purpose. Anything else that escapes is a defect in fusebert. */
export class FusebertError extends Error {
  override readonly name: string = "FusebertError";
  readonly found: string;
  readonly expected: string | undefined;
  readonly advice: string | undefined;

  constructor({ found, expected, advice, cause }: ErrorParts) {
    const shown = {
      found: displayable(found),
      expected: expected === undefined ? undefined : displayable(expected),
      advice: advice === undefined ? undefined : displayable(advice),
    };
    const fact = shown.expected === undefined ? `${shown.found}.` : `${shown.found}; expected ${shown.expected}.`;
    super([fact, shown.advice ?? ""].join(" ").trim(), cause === undefined ? undefined : { cause });
    this.found = shown.found;
    this.expected = shown.expected;
    this.advice = shown.advice;
  }
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
