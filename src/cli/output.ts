/**
 * The command's two streams: results on standard output, everything else on standard error.
 *
 * Must stay true: what cannot be written is an error, including the rest of a result that was written only in part; a
 * reader that has enough (`| head -1`) is none, and nothing that happens to standard error changes what the command does.
 */
import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { codeOf, messageOf, WriteError } from "../errors.ts";
import { displayable } from "../format/displayable.ts";

let pending: Promise<unknown> = Promise.resolve();
let failure: WriteError | undefined;

/** Once, before anything is written. */
export function guardStreams(): void {
  // The callback of each write says what is the matter.
  process.stdout.on("error", () => undefined);
  process.stderr.on("error", () => undefined);
}

/**
 * Writes a result. `settled` says when it is written.
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
      writeWhole(Buffer.from(text));
    } catch (error) {
      remember(error);
      if (failure !== undefined) throw failure;
    }
  }
}

/** A file takes less than it is given where a disk or a quota is nearly full, and only the next write says why. */
function writeWhole(bytes: Uint8Array): void {
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
  // The reader has enough. After any error, further writes fail with ERR_STREAM_DESTROYED.
  if (code === "EPIPE" || code === "ERR_STREAM_DESTROYED") return;
  failure ??= new WriteError({
    found: `standard output cannot be written (${messageOf(cause)})`,
    advice: "The result is not complete.",
    cause,
  });
}

/** Tells a person something, as one line on standard error. */
export function tell(line: string): void {
  ask(`fusebert: ${line}`);
}

/** As `tell`, for what is part of a conversation. */
export function ask(line: string): void {
  note(`${displayable(line, 2000)}\n`);
}

/** Writes to standard error as it is; if it cannot be written, nothing happens. */
export function note(text: string): void {
  try {
    process.stderr.write(text);
  } catch {
    // Closed, or full: there is nowhere else to say so.
  }
}
