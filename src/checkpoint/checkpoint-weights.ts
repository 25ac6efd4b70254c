/**
 * A checkpoint's weights from one or more files, under canonical names.
 *
 * Must stay true: every opened file is closed, by `close()` or at once if opening fails; returned weights are finite.
 */

import { CheckpointError } from "../errors.ts";
import type { FloatDType, Tensor } from "../tensor/tensor.ts";
import { describe } from "./describe.ts";
import type { ModelFiles, OpenOptions } from "./files.ts";
import { checkFinite } from "./finite.ts";
import { floatDtype, type TensorFile } from "./tensor-file.ts";
import { openWeightFiles, type WeightReceiver } from "./weight-files.ts";
import type { WeightInfo, Weights } from "./weights.ts";

/** The weight names of an architecture. */
export interface WeightNames {
  /** Maps a tensor's name in a file to a parameter's name in programs. */
  readonly canonicalName: (stored: string) => string;
  /** Whether a trained weight, given its canonical name, may be all zero. */
  readonly mayBeZero: (name: string) => boolean;
}

interface Location {
  readonly file: TensorFile;
  readonly storedName: string;
}

/**
 * Opens `model.safetensors` or its shards, or else `pytorch_model.bin` or its shards (see `weight-files.ts`).
 * @throws CheckpointError if there are none (the advice is how to convert other formats), a file is damaged, a shard or
 * tensor is missing, or two stored names map to one parameter. DownloadError if a download fails.
 */
export async function openWeights(
  files: ModelFiles,
  names: WeightNames,
  options?: OpenOptions,
): Promise<CheckpointWeights> {
  const weights = new CheckpointWeights(names);
  try {
    await openWeightFiles(files, weights, options);
    return weights;
  } catch (error) {
    await weights.close();
    throw error;
  }
}

/** The tensors of open files under canonical names. Created by `openWeights`. */
export class CheckpointWeights implements Weights, WeightReceiver {
  readonly #names: WeightNames;
  readonly #info = new Map<string, WeightInfo>();
  readonly #locations = new Map<string, Location>();
  readonly #files: TensorFile[] = [];
  readonly #zeros = new Set<string>();

  constructor(names: WeightNames) {
    this.#names = names;
  }

  get info(): ReadonlyMap<string, WeightInfo> {
    return this.#info;
  }

  /** Weights read so far that are all zero but should not be. */
  get zeros(): readonly string[] {
    return [...this.#zeros];
  }

  /** Takes over a file: `close()` closes it. */
  opened(file: TensorFile): void {
    this.#files.push(file);
  }

  /**
   * Adds tensors of a file under their canonical names.
   * @param index what says that they are there.
   */
  add(file: TensorFile, names: Iterable<string>, index?: string): void {
    for (const name of names) this.#add(file, name, index);
  }

  /** The dtype as in the file, also of tensors that are not in `info` because they are no weights. */
  storedDtype(name: string): string | undefined {
    const location = this.#locations.get(name);
    return location?.file.tensors.get(location.storedName)?.dtype;
  }

  async read(name: string): Promise<Tensor<FloatDType>> {
    const location = this.#locations.get(name);
    if (location === undefined) throw new CheckpointError({ found: `The checkpoint has no tensor ${describe(name)}` });
    const tensor = await location.file.readFloat(location.storedName);
    checkFinite(tensor, `${location.file.name}: tensor ${describe(location.storedName)}`);
    if (isZero(tensor) && !this.#names.mayBeZero(name)) this.#zeros.add(name);
    return tensor;
  }

  async close(): Promise<void> {
    const results = await Promise.allSettled(this.#files.map((file) => file.close()));
    const failure = results.find((result) => result.status === "rejected");
    if (failure !== undefined) throw failure.reason;
  }

  #add(file: TensorFile, storedName: string, index = "its header"): void {
    const stored = file.tensors.get(storedName);
    if (stored === undefined) {
      throw new CheckpointError({
        found: `${file.name} has no tensor ${describe(storedName)}`,
        expected: `the tensor there, as ${index} says`,
        advice: "Get the index and the weights again, both from the same source.",
      });
    }
    const name = this.#names.canonicalName(storedName);
    const other = this.#locations.get(name);
    if (other !== undefined) {
      throw new CheckpointError({
        found: `${file.name}: tensors ${describe(other.storedName)} and ${describe(storedName)} both mean ${describe(name)}`,
        expected: "one tensor for each parameter",
        advice: "Save the checkpoint again with only one of them.",
      });
    }
    this.#locations.set(name, { file, storedName });
    const dtype = floatDtype(stored.dtype);
    if (dtype !== undefined) this.#info.set(name, { dtype, shape: stored.shape });
  }
}

function isZero({ data }: Tensor<FloatDType>): boolean {
  for (const value of data) if (value !== 0) return false;
  return data.length > 0;
}
