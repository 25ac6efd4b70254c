/**
 * Reads safetensors files, one tensor at a time.
 *
 * Must stay true: only what `safetensors-header.ts` has checked is trusted; a tensor's bytes are read on demand, and
 * copied only if they are unaligned in memory. Elements are little-endian in the file and not converted, because all
 * platforms of current JavaScript engines are little-endian.
 */
import { CheckpointError } from "../errors.ts";
import { tensorFromBytes } from "../tensor/bytes.ts";
import type { DType, FloatDType, Tensor } from "../tensor/tensor.ts";
import { describe } from "./describe.ts";
import type { ByteSource } from "./files.ts";
import { readHeader, type SafetensorsHeader, type StoredTensor } from "./safetensors-header.ts";

export { encodeSafetensors } from "./safetensors-encode.ts";
export type { StoredTensor } from "./safetensors-header.ts";

const FLOATS: ReadonlyMap<string, FloatDType> = new Map([
  ["F64", "f64"],
  ["F32", "f32"],
  ["F16", "f16"],
  ["BF16", "bf16"],
]);

/** BOOL is one byte, 0 or 1. */
const READABLE: ReadonlyMap<string, DType> = new Map<string, DType>([
  ...FLOATS,
  ["I64", "i64"],
  ["I32", "i32"],
  ["U8", "u8"],
  ["BOOL", "u8"],
]);

/** The dtype of a weight, or `undefined` if it is not a supported float type. */
export function floatDtype(stored: string): FloatDType | undefined {
  return FLOATS.get(stored);
}

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
export class SafetensorsFile {
  /** By name in the file. */
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

  /**
   * Reads a tensor of F64, F32, F16 or BF16.
   * @throws CheckpointError if there is no such tensor, it has another dtype, or the file fails.
   */
  readFloat(name: string): Promise<Tensor<FloatDType>> {
    return this.#read(name, FLOATS);
  }

  /** Idempotent. */
  close(): Promise<void> {
    return this.#source.close();
  }

  async #read<D extends DType>(name: string, dtypes: ReadonlyMap<string, D>): Promise<Tensor<D>> {
    const stored = this.tensors.get(name);
    if (stored === undefined) {
      throw new CheckpointError({ found: `${this.name} has no tensor ${describe(name)}` });
    }
    const dtype = dtypes.get(stored.dtype);
    if (dtype === undefined) {
      throw new CheckpointError({
        found: `${this.name}: tensor ${describe(name)} is ${stored.dtype}`,
        expected: [...dtypes.keys()].join(", "),
        advice: "Quantised checkpoints cannot be read: use one in float32 or float16.",
      });
    }
    return tensorFromBytes(dtype, stored.shape, await this.#source.read(stored.start, stored.end));
  }
}
