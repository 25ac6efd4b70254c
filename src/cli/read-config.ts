/**
 * A model's config.json alone, for commands that need no weights: those may be missing, or gigabytes.
 */
import { type BertConfig, parseConfig } from "../checkpoint/config.ts";
import type { ModelFiles } from "../checkpoint/files.ts";
import { readText } from "../checkpoint/text-file.ts";
import { CheckpointError } from "../errors.ts";

/** @throws CheckpointError if there is none, or it is of another kind of model. */
export async function readConfig(files: ModelFiles, signal: AbortSignal): Promise<BertConfig> {
  const json = await readText(files, "config.json", { signal });
  if (json !== undefined) return parseConfig(json, `${files.name}/config.json`);
  throw new CheckpointError({
    found: `${files.name} has no config.json`,
    expected: "a model's folder or id",
    advice: "Only that file is needed here.",
  });
}
