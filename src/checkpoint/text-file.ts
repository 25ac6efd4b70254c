/** Reads a model's small text files (configuration, vocabulary, shard index) as a whole. */
import { CheckpointError } from "../errors.ts";
import { grouped } from "./describe.ts";
import type { ModelFiles, OpenOptions } from "./files.ts";
import { decodeUtf8, MAX_JSON_BYTES } from "./json.ts";

/**
 * The text of a UTF-8 file, or `undefined` when the model has no such file.
 * @throws CheckpointError if it is larger than any such file is, not UTF-8, or cannot be read.
 */
export async function readText(files: ModelFiles, path: string, options?: OpenOptions): Promise<string | undefined> {
  const source = await files.open(path, options);
  if (source === undefined) return undefined;
  try {
    const name = `${files.name}/${path}`;
    if (source.size > MAX_JSON_BYTES) {
      throw new CheckpointError({
        found: `${name} has ${grouped(source.size)} bytes`,
        expected: `at most ${grouped(MAX_JSON_BYTES)}`,
        advice: "Check that it is the file its name says.",
      });
    }
    return decodeUtf8(await source.read(0, source.size), name);
  } finally {
    await source.close();
  }
}
