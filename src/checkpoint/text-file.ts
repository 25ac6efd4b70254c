/**
 * A model's files that are read as a whole: configuration, tokenizer, shard index.
 *
 * Each has a limit that no honest file comes near, so that a hostile one is refused before it fills the memory: before it is
 * downloaded where its length is known, while it is where not.
 */
import { CHECK_FILE_KIND, CheckpointError } from "../errors.ts";
import { grouped } from "./describe.ts";
import type { ByteSource, ModelFiles, OpenOptions } from "./files.ts";
import { decodeUtf8 } from "./json.ts";

const MAX_BYTES = 1_000_000;
/** The largest of a BERT, LaBSE's with 501,153 tokens, have some 10 and 5 MB. What 32 MB may hold fits in a heap of 256 MB. */
const MAX_BYTES_OF: ReadonlyMap<string, number> = new Map([
  ["tokenizer.json", 32_000_000],
  ["vocab.txt", 16_000_000],
]);

/**
 * Opens a file that is to be read as a whole; `undefined` when the model has no such file.
 * @throws CheckpointError if it is larger than any such file is, or cannot be read.
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
 * The text of a UTF-8 file, or `undefined` when the model has no such file.
 * @throws CheckpointError if it is larger than any such file is, not UTF-8, or cannot be read.
 */
export async function readText(files: ModelFiles, path: string, options?: OpenOptions): Promise<string | undefined> {
  const source = await openWhole(files, path, options);
  if (source === undefined) return undefined;
  try {
    return decodeUtf8(await source.read(0, source.size), `${files.name}/${path}`);
  } finally {
    await source.close();
  }
}

/** @param size in bytes, where it is known. */
export function tooLarge(name: string, size: number | undefined, maxBytes: number): CheckpointError {
  return new CheckpointError({
    found: `${name} has ${size === undefined ? `more than ${grouped(maxBytes)}` : grouped(size)} bytes`,
    expected: `at most ${grouped(maxBytes)}`,
    advice: CHECK_FILE_KIND,
  });
}
