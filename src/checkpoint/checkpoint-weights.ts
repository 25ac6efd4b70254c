/**
 * A checkpoint's weights from its safetensors file or files, under canonical names.
 *
 * Must stay true: every file that was opened is closed, by `close()` or at once when opening fails; weights that leave
 * here are finite.
 */

import { CheckpointError } from "../errors.ts";
import type { FloatDType, Tensor } from "../tensor/tensor.ts";
import { describe } from "./describe.ts";
import type { ModelFiles, OpenOptions } from "./files.ts";
import { checkFinite } from "./finite.ts";
import { noWeightsError } from "./other-formats.ts";
import { floatDtype, openSafetensors, type SafetensorsFile } from "./safetensors.ts";
import { parseShardIndex } from "./shard-index.ts";
import { readText } from "./text-file.ts";
import type { WeightInfo, Weights } from "./weights.ts";

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";

/** How an architecture names its weights. */
export interface WeightNames {
  /** The name of a parameter in programs, by that of a tensor in a file. */
  readonly canonicalName: (stored: string) => string;
  /** Whether a trained weight, by its canonical name, may hold nothing but zeros. */
  readonly mayBeZero: (name: string) => boolean;
}

/** Where a tensor is. */
interface Place {
  readonly file: SafetensorsFile;
  readonly storedName: string;
}

/**
 * Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names.
 * @throws CheckpointError if there are none (it says how to convert other formats), a file is damaged, a shard or a
 * tensor in it is missing, or two stored names mean one parameter. DownloadError if a file cannot be fetched.
 */
export async function openWeights(
  files: ModelFiles,
  names: WeightNames,
  options?: OpenOptions,
): Promise<CheckpointWeights> {
  const weights = new CheckpointWeights(names);
  try {
    const single = await weights.open(files, SINGLE, options);
    if (single !== undefined) {
      for (const name of single.tensors.keys()) weights.add(single, name);
      return weights;
    }
    const index = await readText(files, INDEX, options);
    if (index === undefined) throw await noWeightsError(files, [SINGLE, INDEX], options);
    await addShards(weights, parseShardIndex(index, `${files.name}/${INDEX}`), files, options);
    return weights;
  } catch (error) {
    await weights.close();
    throw error;
  }
}

async function addShards(
  weights: CheckpointWeights,
  shards: ReadonlyMap<string, readonly string[]>,
  files: ModelFiles,
  options?: OpenOptions,
): Promise<void> {
  for (const [shard, names] of shards) {
    const file = await weights.open(files, shard, options);
    if (file === undefined) {
      throw new CheckpointError({
        found: `${files.name} has no ${shard}`,
        expected: `every file that ${INDEX} names`,
        advice: "Add the missing file from where the model came from.",
      });
    }
    for (const name of names) weights.add(file, name);
  }
}

/** The tensors of open safetensors files under their canonical names. Made by `openWeights`. */
export class CheckpointWeights implements Weights {
  readonly #names: WeightNames;
  readonly #info = new Map<string, WeightInfo>();
  readonly #places = new Map<string, Place>();
  readonly #files: SafetensorsFile[] = [];
  readonly #zeros = new Set<string>();

  constructor(names: WeightNames) {
    this.#names = names;
  }

  get info(): ReadonlyMap<string, WeightInfo> {
    return this.#info;
  }

  /** The weights read so far that are nothing but zeros, where that makes no sense. */
  get zeros(): readonly string[] {
    return [...this.#zeros];
  }

  /** Opens one of the model's files; it is closed with the weights. `undefined` when there is no such file. */
  async open(files: ModelFiles, path: string, options?: OpenOptions): Promise<SafetensorsFile | undefined> {
    const source = await files.open(path, options);
    if (source === undefined) return undefined;
    const file = await openSafetensors(source, `${files.name}/${path}`);
    this.#files.push(file);
    return file;
  }

  /** Adds a file's tensor under its canonical name. */
  add(file: SafetensorsFile, storedName: string): void {
    const stored = file.tensors.get(storedName);
    if (stored === undefined) {
      throw new CheckpointError({
        found: `${file.name} has no tensor ${describe(storedName)}`,
        expected: `it there, as ${INDEX} says`,
        advice: "Get the index and the weights again, both from the same place.",
      });
    }
    const name = this.#names.canonicalName(storedName);
    const other = this.#places.get(name);
    if (other !== undefined) {
      throw new CheckpointError({
        found: `${file.name}: tensors ${describe(other.storedName)} and ${describe(storedName)} both mean ${describe(name)}`,
        expected: "one tensor for each parameter",
        advice: "Save the checkpoint again with one of them: which of the two counts cannot be told.",
      });
    }
    this.#places.set(name, { file, storedName });
    const dtype = floatDtype(stored.dtype);
    if (dtype !== undefined) this.#info.set(name, { dtype, shape: stored.shape });
  }

  /** What the file calls the dtype of a tensor, also of one that is no weight and so is not in `info`. */
  storedDtype(name: string): string | undefined {
    const place = this.#places.get(name);
    return place?.file.tensors.get(place.storedName)?.dtype;
  }

  async read(name: string): Promise<Tensor<FloatDType>> {
    const place = this.#places.get(name);
    if (place === undefined) throw new CheckpointError({ found: `The checkpoint has no tensor ${describe(name)}` });
    const tensor = await place.file.readFloat(place.storedName);
    checkFinite(tensor, `${place.file.name}: tensor ${describe(place.storedName)}`);
    if (isZero(tensor) && !this.#names.mayBeZero(name)) this.#zeros.add(name);
    return tensor;
  }

  async close(): Promise<void> {
    const results = await Promise.allSettled(this.#files.map((file) => file.close()));
    const failure = results.find((result) => result.status === "rejected");
    if (failure !== undefined) throw failure.reason;
  }
}

function isZero({ data }: Tensor<FloatDType>): boolean {
  for (const value of data) if (value !== 0) return false;
  return data.length > 0;
}
