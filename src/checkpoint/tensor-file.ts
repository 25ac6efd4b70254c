/**
 * An open file of tensors, whatever its format, and the dtypes that can be read from one.
 *
 * Must stay true: a tensor's bytes are read on demand; names of dtypes are those of safetensors.
 */
import { CheckpointError } from "../errors.ts";
import type { DType, FloatDType, Tensor } from "../tensor/tensor.ts";
import { describe } from "./describe.ts";

/** What is known of a tensor before it is read. */
export interface TensorInfo {
  /** As in safetensors: `F32`, `BF16`, `BOOL`, … */
  readonly dtype: string;
  readonly shape: readonly number[];
}

export interface TensorFile {
  /** For errors. */
  readonly name: string;
  /** By name in the file. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /**
   * Reads a tensor of F64, F32, F16 or BF16.
   * @throws CheckpointError if there is no such tensor, it has another dtype, or the file fails.
   */
  readFloat(name: string): Promise<Tensor<FloatDType>>;
  /** Idempotent. */
  close(): Promise<void>;
}

export const FLOATS: ReadonlyMap<string, FloatDType> = new Map([
  ["F64", "f64"],
  ["F32", "f32"],
  ["F16", "f16"],
  ["BF16", "bf16"],
]);

/** BOOL is one byte, 0 or 1. */
export const READABLE: ReadonlyMap<string, DType> = new Map<string, DType>([
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
 * Finds a tensor that is to be read as one of `dtypes`.
 * @throws CheckpointError if there is no such tensor, or it has another dtype.
 */
export function findTensor<T extends TensorInfo, D extends DType>(
  file: { readonly name: string; readonly tensors: ReadonlyMap<string, T> },
  name: string,
  dtypes: ReadonlyMap<string, D>,
): { readonly stored: T; readonly dtype: D } {
  const stored = file.tensors.get(name);
  if (stored === undefined) {
    throw new CheckpointError({ found: `${file.name} has no tensor ${describe(name)}` });
  }
  const dtype = dtypes.get(stored.dtype);
  if (dtype !== undefined) return { stored, dtype };
  throw new CheckpointError({
    found: `${file.name}: tensor ${describe(name)} is ${stored.dtype}`,
    expected: [...dtypes.keys()].join(", "),
    advice: "Quantised checkpoints cannot be read: use one in float32 or float16.",
  });
}
