/**
 * Reads safetensors files, one tensor at a time.
 *
 * Must stay true: only what `safetensors-header.ts` has checked is trusted; a tensor's bytes are read on demand, and
 * copied only if they are unaligned in memory. Elements are little-endian in the file and not converted, because all
 * platforms of current JavaScript engines are little-endian.
 */
import { tensorFromBytes } from "../tensor/bytes.ts";
import type { DType, FloatDType, Tensor } from "../tensor/tensor.ts";
import type { ByteSource } from "./files.ts";
import { readHeader, type SafetensorsHeader, type StoredTensor } from "./safetensors-header.ts";
import { FLOATS, findTensor, READABLE, type TensorFile } from "./tensor-file.ts";

export { encodeSafetensors } from "./safetensors-encode.ts";
export type { StoredTensor } from "./safetensors-header.ts";

/**
 * Opens a safetensors file and checks its header. Takes ownership of the source: the file's `close()` closes it, as
 * does an invalid header.
 * @param fileName for errors.
 * @throws CheckpointError that names the tensor and field.
 */
export async function openSafetensors(source: ByteSource, fileName: string): Promise<SafetensorsFile> {
  try {
    return new SafetensorsFile(source, fileName, await readHeader(source, fileName));
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** An open safetensors file. Created by `openSafetensors`. */
export class SafetensorsFile implements TensorFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Such as `format: pt`. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly name: string;
  readonly #source: ByteSource;

  constructor(source: ByteSource, name: string, header: SafetensorsHeader) {
    this.tensors = header.tensors;
    this.metadata = header.metadata;
    this.name = name;
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
    return tensorFromBytes(dtype, stored.shape, await this.#source.read(stored.start, stored.end));
  }
}
