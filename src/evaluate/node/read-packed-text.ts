/**
 * Reads text from a plain, gzip or xz file, recognised by its first bytes and not by its name.
 *
 * Must stay true: a file that is damaged, cut short, not UTF-8 or longer than a JavaScript string is rejected, never
 * read in part; a decompression bomb is rejected at the first chunk with a NUL byte, or at the maximum length.
 */
import { constants } from "node:buffer";
import { createGunzip } from "node:zlib";
import { reasonOf } from "../../checkpoint/describe.ts";
import { InputError } from "../../errors.ts";
import { maxTextLimit, readFileBytes } from "../../files/read-bytes.ts";

const gzipMagic = [0x1f, 0x8b];
const xzMagic = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];

const chunkSize = 2 ** 18;

/** By the number that ends xz-decompress's messages: enum xz_ret of XZ Embedded. */
const xzReasons: Readonly<Record<string, string>> = {
  "6": "it uses a filter or a check other than CRC",
  "7": "it is damaged",
  "8": "it ends too early",
};

/** @throws InputError if the file cannot be read as text; the signal's reason on abort. */
export async function readPackedText(path: string, signal?: AbortSignal): Promise<string> {
  let head = Buffer.alloc(0);
  const inspect = (chunk: Buffer, offset: number): void => {
    if (head.length < xzMagic.length) head = Buffer.concat([head, chunk.subarray(0, xzMagic.length)]);
    const isPlain = head.length >= xzMagic.length && !startsWith(head, gzipMagic) && !startsWith(head, xzMagic);
    const nul = isPlain ? chunk.indexOf(0) : -1;
    if (nul >= 0) throw notText(path, `has a NUL byte at offset ${offset + nul}, as binary files do`);
  };
  const read = await readFileBytes(path, { limit: maxTextLimit, expected: "a file", signal, inspect });
  const bytes = await unpack(read, path, signal);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw notText(path, "is not UTF-8", cause);
  }
}

function notText(path: string, fault: string, cause?: unknown): InputError {
  return new InputError({ found: `${path} ${fault}`, expected: "JSON, plain or packed with gzip or xz", cause });
}

/** Decompresses gzip and xz; returns other bytes unchanged. */
async function unpack(bytes: Buffer, path: string, signal?: AbortSignal): Promise<Uint8Array> {
  if (startsWith(bytes, gzipMagic)) return collect(unpackGzip(bytes, path), path, signal);
  if (startsWith(bytes, xzMagic)) return collect(unpackXz(bytes, path), path, signal);
  return bytes;
}

const startsWith = (bytes: Uint8Array, magic: readonly number[]): boolean =>
  magic.every((byte, index) => bytes[index] === byte);

/** @throws InputError as soon as the decompressed data is too long or has a NUL byte. */
async function collect(chunks: AsyncIterable<Uint8Array>, path: string, signal?: AbortSignal): Promise<Uint8Array> {
  const kept: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    const nul = chunk.indexOf(0);
    if (nul >= 0) throw notText(path, `has a NUL byte at offset ${length + nul} when unpacked, as binary files do`);
    length += chunk.length;
    if (length > constants.MAX_STRING_LENGTH) throw tooLong(path);
    kept.push(chunk);
  }
  return Buffer.concat(kept, length);
}

async function* unpackGzip(bytes: Buffer, path: string): AsyncIterable<Uint8Array> {
  try {
    const stream = createGunzip({ chunkSize });
    stream.end(bytes);
    yield* stream;
  } catch (cause) {
    throw cannotUnpack(path, "gzip", reasonOf(cause), cause);
  }
}

async function* unpackXz(bytes: Buffer, path: string): AsyncIterable<Uint8Array> {
  // A CommonJS module: Node finds no named exports in it.
  const { XzReadableStream } = (await import("xz-decompress")).default;
  try {
    yield* new XzReadableStream(new Blob([new Uint8Array(bytes)]).stream());
  } catch (cause) {
    const reason = reasonOf(cause);
    throw cannotUnpack(path, "xz", xzReasons[/(\d+)$/.exec(reason)?.[1] ?? ""] ?? reason, cause);
  }
}

function cannotUnpack(path: string, format: string, reason: string, cause: unknown): InputError {
  return new InputError({
    found: `${path} cannot be unpacked (${reason})`,
    expected: `a whole ${format} file`,
    advice: "Get it again, or unpack it yourself.",
    cause,
  });
}

function tooLong(path: string): InputError {
  return new InputError({
    found: `${path} has more than ${constants.MAX_STRING_LENGTH} bytes when unpacked`,
    expected: "at most that, the longest text JavaScript can hold",
  });
}
