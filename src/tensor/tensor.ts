/**
 * Dense row-major tensors, in which modules exchange weights, inputs and results.
 *
 * `data` may be a view of a larger buffer (a file's bytes), so functions never write into a tensor they receive.
 * Half-precision formats have no JavaScript array type; their bits are held in a `Uint16Array`, and `half.ts` converts
 * them.
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

/** dtypes of weights and activations. */
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

/** Number of elements; 1 for a scalar's empty shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
