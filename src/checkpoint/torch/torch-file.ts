/**
 * Reads PyTorch checkpoints (`pytorch_model.bin`), one tensor at a time, in the format of today and in that of before
 * PyTorch 1.6. Both describe their tensors in a pickle, which is read here as data (see `pickle.ts`).
 *
 * Must stay true: a tensor's bytes are read on demand, and copied only if they are unaligned in memory or not in
 * row-major order. Elements are little-endian in the file and not converted.
 */
import { CheckpointError } from "../../errors.ts";
import { tensorFromBytes } from "../../tensor/bytes.ts";
import type { DType, FloatDType, Tensor } from "../../tensor/tensor.ts";
import type { ByteSource } from "../files.ts";
import { FLOATS, findTensor, READABLE, type TensorFile } from "../tensor-file.ts";
import { readLegacyCheckpoint } from "./legacy-checkpoint.ts";
import { extentOf, gather } from "./tensor-layout.ts";
import type { TorchContents, TorchTensor } from "./values.ts";
import { LOCAL_SIGNATURE } from "./zip.ts";
import { readZipCheckpoint } from "./zip-checkpoint.ts";

/**
 * Opens a checkpoint and checks everything but the tensors' values. Takes ownership of the source: the file's `close()`
 * closes it, as does an invalid file.
 * @param fileName for errors.
 * @throws CheckpointError if it is damaged, or anything but a dict of tensors.
 */
export async function openTorch(source: ByteSource, fileName: string): Promise<TorchFile> {
  try {
    return new TorchFile(source, fileName, await readContents(source, fileName));
  } catch (error) {
    await source.close();
    throw error;
  }
}

const PICKLE = 0x80;

async function readContents(source: ByteSource, what: string): Promise<TorchContents> {
  const bytes = await source.read(0, Math.min(source.size, 4));
  const signature = bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  if (signature === LOCAL_SIGNATURE) return await readZipCheckpoint(source, what);
  if (bytes[0] === PICKLE) return await readLegacyCheckpoint(source, what);
  throw new CheckpointError({
    found: `${what} is neither a zip archive nor a pickle`,
    expected: "a checkpoint that torch.save wrote",
    advice: "Check that it is not a web page or a Git LFS pointer (git lfs pull).",
  });
}

/** An open checkpoint. Created by `openTorch`. */
export class TorchFile implements TensorFile {
  readonly tensors: ReadonlyMap<string, TorchTensor>;
  readonly name: string;
  readonly #starts: ReadonlyMap<string, number>;
  readonly #source: ByteSource;

  constructor(source: ByteSource, name: string, { tensors, starts }: TorchContents) {
    this.tensors = tensors;
    this.name = name;
    this.#starts = starts;
    this.#source = source;
  }

  /**
   * Reads a tensor of F64, F32, F16, BF16, I64, I32, U8 or BOOL (as `u8`).
   * @throws CheckpointError if there is no such tensor, it has another dtype, or the file fails.
   */
  read(name: string): Promise<Tensor> {
    return this.#read(name, READABLE);
  }

  readFloat(name: string): Promise<Tensor<FloatDType>> {
    return this.#read(name, FLOATS);
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  async #read<D extends DType>(name: string, dtypes: ReadonlyMap<string, D>): Promise<Tensor<D>> {
    const { stored, dtype } = findTensor(this, name, dtypes);
    const { key, type } = stored.storage;
    const storageStart = this.#starts.get(key) ?? 0;
    const { start, end, isContiguous } = extentOf(stored);
    const bytes = await this.#source.read(storageStart + start * type.width, storageStart + end * type.width);
    return tensorFromBytes(dtype, stored.shape, isContiguous ? bytes : gather(bytes, stored, type.width));
  }
}
