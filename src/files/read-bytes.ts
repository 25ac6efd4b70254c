/**
 * Reads a whole file or standard input, up to a limit. Node only.
 *
 * Must stay true: bytes are counted while reading, because pipes and devices state no size and a file may grow; an
 * abort ends every wait at once, including that for the writer of a pipe; named pipes and `<(…)` are read like files.
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
  /** Follows `at most 100, ` in the error. */
  readonly reason: string;
  readonly advice?: string;
}

export interface ReadOptions {
  readonly limit: ReadLimit;
  /** For errors: `a text file`. */
  readonly expected: string;
  /** Advice for a missing file. */
  readonly adviceIfMissing?: string;
  /** On abort the promise rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each chunk and its offset; an exception stops reading. */
  readonly inspect?: (chunk: Buffer, offset: number) => void;
  /** Rejects pipes and devices. */
  readonly ordinaryOnly?: boolean;
  /** Advice for a folder, socket or device, if the user did not name the path. */
  readonly adviceIfOther?: string;
}

/** The longest JavaScript string: a text never has more UTF-16 units than UTF-8 bytes. */
export const maxTextLimit: ReadLimit = {
  bytes: constants.MAX_STRING_LENGTH,
  reason: "the longest text JavaScript can hold",
};

const chunkSize = 2 ** 20;

/**
 * Reads a file.
 * @throws InputError if it does not exist, is a folder, socket or disk, cannot be read, or is longer than the limit.
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

/** @throws InputError if it cannot be read or is longer than the limit. */
export async function readStandardInputBytes(options: ReadOptions): Promise<Buffer> {
  try {
    // Node reads a folder as empty input.
    if (fstatSync(0).isDirectory())
      throw new InputError({ found: "standard input is a folder", expected: options.expected });
    return await collect(process.stdin, "standard input", options);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw unreadable("standard input", error, options);
  }
}

/**
 * A blocking read of a pipe or terminal occupies a thread that cannot be stopped, so these are polled: with O_NONBLOCK
 * a named pipe opens at once and ends with its last writer.
 */
function openStream(path: string): Readable {
  // Windows has neither the flag nor named pipes in folders.
  const fd = openSync(path, flags.O_RDONLY | (flags.O_NONBLOCK ?? 0));
  if (fstatSync(fd).isFIFO()) return new Socket({ fd, readable: true, writable: false });
  if (isatty(fd)) return new ReadStream(fd);
  return createReadStream(path, { fd, highWaterMark: chunkSize });
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
  if (ordinaryOnly && !found.isFile()) throw refuse("not an ordinary file");
  if (found.isFile() && found.size > limit.bytes) throw tooLong(`${path} has ${found.size} bytes`, limit);
}

/** Reads until the end, an abort, an error or the limit. */
function collect(stream: Readable, name: string, { limit, signal, inspect }: ReadOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const stop = (reason: unknown): void => {
      stream.destroy();
      reject(reason);
    };
    const onAbort = (): void => stop(signal?.reason);
    if (signal?.aborted) return onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    stream
      .on("data", (chunk: Buffer) => {
        try {
          inspect?.(chunk, length);
          length += chunk.length;
          if (length > limit.bytes) throw tooLong(`${name} has more than ${limit.bytes} bytes`, limit);
          chunks.push(chunk);
        } catch (error) {
          stop(error);
        }
      })
      .on("error", stop)
      .on("end", () => resolve(Buffer.concat(chunks, length)))
      .on("close", () => {
        signal?.removeEventListener("abort", onAbort);
        reject(new Error("the stream closed before its end"));
      });
  });
}

function tooLong(found: string, { bytes, reason, advice }: ReadLimit): InputError {
  return new InputError({ found, expected: `at most ${bytes}, ${reason}`, ...(advice !== undefined && { advice }) });
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  EISDIR: "is a folder",
  ENXIO: "cannot be opened: there is no such device",
  EACCES: "cannot be read (permission denied)",
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
