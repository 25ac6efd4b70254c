/**
 * What the command's exit code says. Documented in the README; scripts rely on it.
 */
import { CheckpointError, FusebertError, InputError, messageOf } from "../errors.ts";

export const exitCode = {
  /** An answer was found. */
  answered: 0,
  /** The scores were computed, however good they are. */
  evaluated: 0,
  /** The model's files were written. */
  exported: 0,
  /** The tiles were measured, or forgotten. */
  tuned: 0,
  /** Every candidate computes what the original computes. */
  matched: 0,
  /** A candidate does not, or a layout came out otherwise than it should. */
  deviates: 1,
  /** The texts hold no answer (only with --allow-no-answer). */
  noAnswer: 1,
  /** The command line, a text or a model's files are wrong. */
  usage: 2,
  /** Something else failed: the network, the device, what is written, fusebert itself. */
  failure: 3,
} as const;

/** The exit codes as a command's help lists them. Those of signals are `interruption.ts`'s. */
export function exitCodesHelp(outcomes: string): string {
  return `Exit codes: ${outcomes}, 2 wrong usage or input, 3 failure,\n129, 130, 143 ended by a signal.`;
}

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** The line that tells a person about an error, and the code that tells a script. Never a stack trace. */
export function describeError(error: unknown): { readonly message: string; readonly code: ExitCode } {
  if (error instanceof InputError || error instanceof CheckpointError) {
    return { message: error.message, code: exitCode.usage };
  }
  if (error instanceof FusebertError) return { message: error.message, code: exitCode.failure };
  return {
    message: `${messageOf(error).split("\n")[0]} (this is a defect in fusebert: please report it)`,
    code: exitCode.failure,
  };
}
