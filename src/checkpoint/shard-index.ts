/**
 * The index of a checkpoint in several safetensors files: which file holds which tensor.
 *
 * Must stay true: a file's name from the index leads to a file of this model and nowhere else.
 */
import { isRecord } from "../arguments.ts";
import { CHECK_FILE_KIND, CheckpointError, GET_AGAIN } from "../errors.ts";
import { describe, grouped } from "./describe.ts";
import { parseJsonObject } from "./json.ts";

/** The largest models have some hundred files. */
const MAX_SHARDS = 1000;

/**
 * Parses `model.safetensors.index.json`.
 * @param what names the index in errors.
 * @returns the stored names of the tensors of every shard.
 * @throws CheckpointError if it is not a valid index.
 */
export function parseShardIndex(json: string, what: string): Map<string, string[]> {
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
    if (!isShardName(shard)) {
      throw new CheckpointError({
        found: `${what}: tensor ${describe(tensor)} is said to be in ${describe(shard)}`,
        expected: "the name of a .safetensors file of this model",
        advice:
          "Do not use this checkpoint if you do not trust who made it; otherwise get it again from where it came from.",
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

/** Only plain names pass: nothing that leaves the model's folder, on any platform, and no URL. */
function isShardName(name: unknown): name is string {
  return typeof name === "string" && /^\w[\w.-]*\.safetensors$/.test(name);
}
