/**
 * Dense row-major tensors: the one shape in which weights, inputs and results travel between rooms.
 *
 * A tensor never owns a copy it does not need: `data` may be a view of a larger buffer (a file's bytes), so nobody
 * writes into a tensor they were given. Half-precision formats have no JavaScript array type; their bits travel in a
 * `Uint16Array` and `half.ts` converts them.
 */

export interface DataOf {
  f64: Float64Array;
  f32: Float32Array;
  /** IEEE binary16 bits. */
  f16: Uint16Array;
  /** bfloat16 bits: the upper half of a float32. */
  bf16: Uint16Array;
  i64: BigInt64Array;
  i32: Int32Array;
  u8: Uint8Array;
}

export type DType = keyof DataOf;

/** dtypes that hold real numbers, as weights and activations do. */
export type FloatDType = "f64" | "f32" | "f16" | "bf16";

export const bytesPerElement: Readonly<Record<DType, number>> = {
  f64: 8,
  f32: 4,
  f16: 2,
  bf16: 2,
  i64: 8,
  i32: 4,
  u8: 1,
};

/** A dense row-major tensor. `data.length` is the product of `shape`. */
export type Tensor<D extends DType = DType> = {
  [K in D]: { readonly dtype: K; readonly shape: readonly number[]; readonly data: DataOf[K] };
}[D];

/** The number of elements of a shape; 1 for a scalar's empty shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
