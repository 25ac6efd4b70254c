/**
 * The command's two streams: results on standard output, everything else on standard error.
 *
 * Must stay true: a result that cannot be written, or only in part, is an error; a reader that closes the pipe
 * (`| head -1`) is not, and no failure of standard error changes what the command does.
 */
import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { codeOf, messageOf, WriteError } from "../errors.ts";
import { displayable } from "../format/displayable.ts";

let pending: Promise<unknown> = Promise.resolve();
let failure: WriteError | undefined;

/** Called once, before anything is written. */
export function guardStreams(): void {
  // The callback of each write reports the error.
  process.stdout.on("error", () => undefined);
  process.stderr.on("error", () => undefined);
}

/**
 * Writes a result; `settled` waits until it is written.
 * @throws WriteError if something before it could not be written.
 */
export function print(text: string): void {
  if (failure !== undefined) throw failure;
  if (process.stdout instanceof Socket) {
    // Pipes and terminals.
    pending = new Promise<void>((resolve) => {
      process.stdout.write(text, (error) => {
        if (error) remember(error);
        resolve();
      });
    });
  } else {
    try {
      writeAll(Buffer.from(text));
    } catch (error) {
      remember(error);
      if (failure !== undefined) throw failure;
    }
  }
}

/** A write to a nearly full disk or quota may be partial; only the next one reports why. */
function writeAll(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(process.stdout.fd, bytes, at);
}

/**
 * Waits until everything printed is written.
 * @throws WriteError if something could not be.
 */
export async function settled(): Promise<void> {
  await pending;
  if (failure !== undefined) throw failure;
}

function remember(cause: unknown): void {
  const code = codeOf(cause);
  // The reader closed the pipe. After any error, further writes fail with ERR_STREAM_DESTROYED.
  if (code === "EPIPE" || code === "ERR_STREAM_DESTROYED") return;
  failure ??= new WriteError({
    found: `standard output cannot be written (${messageOf(cause)})`,
    advice: "The result is not complete.",
    cause,
  });
}

/** Prints a message as one line on standard error. */
export function tell(line: string): void {
  prompt(`fusebert: ${line}`);
}

const warned = new Set<string>();

/** Prints a warning, each only once. @param message a sentence without its full stop. */
export function warn(message: string): void {
  if (warned.has(message)) return;
  warned.add(message);
  tell(`warning: ${message}.`);
}

/** As `tell`, without the command's name: for prompts. */
export function prompt(line: string): void {
  note(`${displayable(line, 2000)}\n`);
}

/** Writes text unchanged to standard error. */
export function note(text: string): void {
  try {
    process.stderr.write(text);
  } catch {
    // Closed, or full: there is nowhere else to report it.
  }
}
