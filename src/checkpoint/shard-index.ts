/**
 * The index of a sharded checkpoint: the file of each tensor.
 *
 * Must stay true: a file name from the index cannot leave the model's folder.
 */
import { isRecord } from "../arguments.ts";
import { CHECK_FILE_KIND, CheckpointError, GET_AGAIN } from "../errors.ts";
import { describe, grouped } from "./describe.ts";
import { parseJsonObject } from "./json.ts";

/** The largest models have some hundred files. */
const MAX_SHARDS = 1000;

/**
 * Parses `model.safetensors.index.json` or `pytorch_model.bin.index.json`.
 * @param what the index's name, for errors.
 * @param extension of the files that it may name.
 * @returns the stored names of tensors by shard.
 * @throws CheckpointError if it is not a valid index.
 */
export function parseShardIndex(
  json: string,
  what: string,
  extension: ".safetensors" | ".bin" = ".safetensors",
): Map<string, string[]> {
  const { weight_map: weightMap } = parseJsonObject(json, what);
  if (!isRecord(weightMap)) {
    throw new CheckpointError({
      found: weightMap === undefined ? `${what} has no weight_map` : `${what}: weight_map is ${describe(weightMap)}`,
      expected: "an object that gives every tensor's file",
      advice: GET_AGAIN,
    });
  }
  const shards = new Map<string, string[]>();
  for (const [tensor, shard] of Object.entries(weightMap)) {
    if (!isShardName(shard, extension)) {
      throw new CheckpointError({
        found: `${what}: tensor ${describe(tensor)} is said to be in ${describe(shard)}`,
        expected: `the name of a ${extension} file of this model`,
        advice:
          "Do not use this checkpoint if you do not trust its author; otherwise get it again from where it came from.",
      });
    }
    const names = shards.get(shard);
    if (names === undefined) shards.set(shard, [tensor]);
    else names.push(tensor);
  }
  if (shards.size > MAX_SHARDS) {
    const found = `${what} names ${grouped(shards.size)} files`;
    throw new CheckpointError({ found, expected: `at most ${grouped(MAX_SHARDS)}`, advice: CHECK_FILE_KIND });
  }
  return shards;
}

/** Only plain names are valid: no path, on any platform, and no URL. */
function isShardName(name: unknown, extension: string): name is string {
  return typeof name === "string" && /^\w[\w.-]*$/.test(name) && name.endsWith(extension);
}
