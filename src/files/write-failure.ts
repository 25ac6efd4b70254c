/**
 * Classifies a failed write: a wrong path is the caller's error; a full disk leaves part of the result. Node only.
 */
import { codeOf, InputError, messageOf, WriteError } from "../errors.ts";

/** Errors of a valid path that accepts no more data. */
const exhausted: Readonly<Record<string, string>> = {
  ENOSPC: "its disk is full",
  EDQUOT: "the quota of its disk is used up",
  EFBIG: "the file would exceed the size limit there",
  EIO: "its device failed",
};

export interface WriteAttempt {
  /** A path that would be right. */
  readonly expected: string;
  /** What to do about a wrong path. */
  readonly advice?: string;
  /** For a full disk: what is kept, and how to go on. */
  readonly kept: string;
}

/**
 * @returns a WriteError if the disk accepts no more data, else an InputError.
 * @throws the cause if it is not a system error.
 */
export function writeFailure(path: string, cause: unknown, attempt: WriteAttempt): InputError | WriteError {
  if (!(cause instanceof Error && "syscall" in cause)) throw cause;
  const reason = exhausted[codeOf(cause)];
  if (reason !== undefined) {
    return new WriteError({
      found: `${path} cannot be written: ${reason} (${messageOf(cause)})`,
      advice: attempt.kept,
      cause,
    });
  }
  const { expected, advice } = attempt;
  const found = `${path} cannot be written (${messageOf(cause)})`;
  return new InputError({ found, expected, ...(advice !== undefined && { advice }), cause });
}
