/**
 * The command's exit codes. Documented in the README; scripts depend on them.
 */
import { CheckpointError, FusebertError, InputError, messageOf } from "../errors.ts";

export const exitCode = {
  /** An answer was found. */
  answered: 0,
  /** The scores were computed, whatever they are. */
  evaluated: 0,
  /** The model's files were written. */
  exported: 0,
  /** The tiles were measured, or the saved ones deleted. */
  tuned: 0,
  /** Every candidate computes what the original computes. */
  matched: 0,
  /** A candidate does not, or a layout test had an unexpected result. */
  deviates: 1,
  /** The texts hold no answer (only with --allow-no-answer). */
  noAnswer: 1,
  /** The command line, a text or a model's files are wrong. */
  usage: 2,
  /** Something else failed: the network, the device, a write, fusebert itself. */
  failure: 3,
} as const;

/** The exit codes as a command's help lists them; `interruption.ts` defines those of signals. */
export function exitCodesHelp(outcomes: string): string {
  return `Exit codes: ${outcomes}, 2 wrong usage or input, 3 failure,\n129, 130, 143 ended by a signal.`;
}

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** An error's one-line message, never with a stack trace, and its exit code. */
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
