/**
 * Opens files of a model that are read completely: configuration, tokenizer, shard index.
 *
 * Each has a size limit that no genuine file comes near, so that a hostile one cannot exhaust memory. It is rejected
 * before the download if its length is known, else during the download.
 */
import { CHECK_FILE_KIND, CheckpointError } from "../errors.ts";
import { grouped } from "./describe.ts";
import type { ByteSource, ModelFiles, OpenOptions } from "./files.ts";
import { decodeUtf8 } from "./json.ts";

const MAX_BYTES = 1_000_000;
/** The largest, LaBSE's with 501,153 tokens, have some 10 and 5 MB. The contents of 32 MB fit in a heap of 256 MB. */
const MAX_BYTES_OF: ReadonlyMap<string, number> = new Map([
  ["tokenizer.json", 32_000_000],
  ["vocab.txt", 16_000_000],
  ["vocab.json", 16_000_000],
  ["merges.txt", 16_000_000],
  ["sentencepiece.bpe.model", 16_000_000],
  ["spiece.model", 16_000_000],
  ["spm.model", 16_000_000],
]);

/**
 * Opens a file within its size limit; `undefined` if there is no such file.
 * @throws CheckpointError if it is too large or cannot be read.
 */
export async function openWhole(
  files: ModelFiles,
  path: string,
  options?: OpenOptions,
): Promise<ByteSource | undefined> {
  const maxBytes = MAX_BYTES_OF.get(path) ?? MAX_BYTES;
  const source = await files.open(path, { ...options, maxBytes });
  if (source === undefined || source.size <= maxBytes) return source;
  await source.close();
  throw tooLarge(`${files.name}/${path}`, source.size, maxBytes);
}

/**
 * Reads a UTF-8 file; `undefined` if there is no such file.
 * @throws CheckpointError if it is too large, not UTF-8, or cannot be read.
 */
export async function readText(files: ModelFiles, path: string, options?: OpenOptions): Promise<string | undefined> {
  const bytes = await readWhole(files, path, options);
  return bytes === undefined ? undefined : decodeUtf8(bytes, `${files.name}/${path}`);
}

/**
 * Reads a file; `undefined` if there is no such file.
 * @throws CheckpointError if it is too large or cannot be read.
 */
export async function readWhole(
  files: ModelFiles,
  path: string,
  options?: OpenOptions,
): Promise<Uint8Array | undefined> {
  const source = await openWhole(files, path, options);
  if (source === undefined) return undefined;
  try {
    return await source.read(0, source.size);
  } finally {
    await source.close();
  }
}

/** @param size in bytes, if known. */
export function tooLarge(name: string, size: number | undefined, maxBytes: number): CheckpointError {
  return new CheckpointError({
    found: `${name} has ${size === undefined ? `more than ${grouped(maxBytes)}` : grouped(size)} bytes`,
    expected: `at most ${grouped(maxBytes)}`,
    advice: CHECK_FILE_KIND,
  });
}
