/**
 * What a file that cannot be written means: a place that is wrong, which is the caller's to mend, or a disk that takes no
 * more, which says what has become of the result. Node only.
 */
import { codeOf, InputError, messageOf, WriteError } from "../errors.ts";

/** Codes of a place that was right and takes no more. */
const exhausted: Readonly<Record<string, string>> = {
  ENOSPC: "its disk is full",
  EDQUOT: "the quota of its disk is used up",
  EFBIG: "a file may not become that large there",
  EIO: "its device fails",
};

export interface WriteAttempt {
  /** A place that would have been right. */
  readonly expected: string;
  /** What to do about a place that is wrong. */
  readonly advice?: string;
  /** Where the place is right and full: what is kept, and how to go on. */
  readonly kept: string;
}

/**
 * @returns a WriteError where the place takes no more, else an InputError.
 * @throws the cause if it is not the system's: the place is not to blame for a defect.
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
