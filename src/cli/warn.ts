/**
 * What a person should know although the command goes on: one line on standard error.
 */

/** @param message a sentence without its full stop. */
export function warn(message: string): void {
  process.stderr.write(`fusebert: warning: ${message}.\n`);
}
