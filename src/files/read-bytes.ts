/**
 * Reads a file or standard input whole, up to a limit. Node only.
 *
 * Must stay true: bytes are counted while they are read, because pipes and devices state no size and a file may grow; an
 * abort ends every wait at once, including the wait for the writer of a pipe; named pipes and `<(…)` are read like files.
 */
import { constants } from "node:buffer";
import { createReadStream, constants as flags, fstatSync, openSync, type Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { Socket } from "node:net";
import type { Readable } from "node:stream";
import { isatty, ReadStream } from "node:tty";
import { codeOf, InputError, messageOf } from "../errors.ts";

export interface ReadLimit {
  readonly bytes: number;
  /** Completes `at most 100 bytes, …`. */
  readonly reason: string;
  readonly advice?: string;
}

export interface ReadOptions {
  readonly limit: ReadLimit;
  /** What should have been there, in errors: `a text file`. */
  readonly expected: string;
  /** What to do where there is no such file. */
  readonly adviceIfMissing?: string;
  /** Ends the wait; the promise rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Sees each piece as it comes and where it begins; what it throws ends the reading. */
  readonly inspect?: (piece: Buffer, offset: number) => void;
  /** Refuses what is no ordinary file: where nothing else can be meant. */
  readonly ordinaryOnly?: boolean;
  /** What to do about a folder or the like where the user did not name it. */
  readonly adviceIfOther?: string;
}

/** The longest text that JavaScript can hold; a text is never longer in UTF-16 units than in UTF-8 bytes. */
export const longestText: ReadLimit = {
  bytes: constants.MAX_STRING_LENGTH,
  reason: "the longest text JavaScript can hold",
};

/** Bytes asked for at a time. */
const pieceSize = 2 ** 20;

/**
 * The bytes of a file.
 * @throws InputError if there is none, it is a folder, a socket or a disk, it cannot be read, or it is longer than the limit.
 */
export async function readFileBytes(path: string, options: ReadOptions): Promise<Buffer> {
  options.signal?.throwIfAborted();
  try {
    checkKind(path, await stat(path), options);
    return await collect(openStream(path), path, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw unreadable(path, error, options);
  }
}

/** @throws InputError if it cannot be read or does not end within the limit. */
export async function readStandardInputBytes(options: ReadOptions): Promise<Buffer> {
  try {
    // Node takes what it cannot read for something empty.
    if (fstatSync(0).isDirectory())
      throw new InputError({ found: "standard input is a folder", expected: options.expected });
    return await collect(process.stdin, "standard input", options);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw unreadable("standard input", error, options);
  }
}

/**
 * What waits for its writer is polled: a thread that waits could not be stopped, and would keep the process from ending.
 * Opened so, a named pipe is there at once, and ends when its last writer has gone.
 */
function openStream(path: string): Readable {
  // Windows has no such flag, and no named pipes in folders.
  const fd = openSync(path, flags.O_RDONLY | (flags.O_NONBLOCK ?? 0));
  if (fstatSync(fd).isFIFO()) return new Socket({ fd, readable: true, writable: false });
  if (isatty(fd)) return new ReadStream(fd);
  return createReadStream(path, { fd, highWaterMark: pieceSize });
}

function checkKind(path: string, found: Stats, options: ReadOptions): void {
  const { expected, limit, ordinaryOnly, adviceIfOther } = options;
  const refuse = (kind: string, usual?: string): InputError => {
    const advice = adviceIfOther ?? usual;
    return new InputError({ found: `${path} is ${kind}`, expected, ...(advice !== undefined && { advice }) });
  };
  if (found.isDirectory()) throw refuse("a folder", "Name a file in it.");
  if (found.isSocket()) throw refuse("a socket", "Name a file, or pipe into standard input.");
  if (found.isBlockDevice()) throw refuse("a disk");
  if (ordinaryOnly && !found.isFile()) throw refuse("no ordinary file");
  if (found.isFile() && found.size > limit.bytes) throw tooLong(`${path} has ${found.size} bytes`, limit);
}

/** Reads a stream to its end, an abort, a fault or the limit, whichever comes first. */
function collect(stream: Readable, name: string, { limit, signal, inspect }: ReadOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let length = 0;
    const stop = (reason: unknown): void => {
      stream.destroy();
      reject(reason);
    };
    const onAbort = (): void => stop(signal?.reason);
    if (signal?.aborted) return onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    stream
      .on("data", (piece: Buffer) => {
        try {
          inspect?.(piece, length);
          length += piece.length;
          if (length > limit.bytes) throw tooLong(`${name} has more than ${limit.bytes} bytes`, limit);
          pieces.push(piece);
        } catch (error) {
          stop(error);
        }
      })
      .on("error", stop)
      .on("end", () => resolve(Buffer.concat(pieces, length)))
      .on("close", () => {
        signal?.removeEventListener("abort", onAbort);
        reject(new Error("it was closed before its end"));
      });
  });
}

function tooLong(found: string, { bytes, reason, advice }: ReadLimit): InputError {
  return new InputError({ found, expected: `at most ${bytes}, ${reason}`, ...(advice !== undefined && { advice }) });
}

/** What standard input and files can fail with, in words. */
const reasons: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  EISDIR: "is a folder",
  ENXIO: "cannot be opened: nothing is behind it",
  EACCES: "cannot be read (you may not read it)",
};

function unreadable(name: string, cause: unknown, { expected, adviceIfMissing }: ReadOptions): InputError {
  if (cause instanceof InputError) return cause;
  const code = codeOf(cause);
  return new InputError({
    found: `${name} ${reasons[code] ?? `cannot be read (${messageOf(cause)})`}`,
    expected,
    ...(code === "ENOENT" && adviceIfMissing !== undefined && { advice: adviceIfMissing }),
    cause,
  });
}
