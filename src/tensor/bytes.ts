import { bytesPerElement, type DType, type Tensor } from "./tensor.ts";

/** Interprets a tensor's little-endian bytes, without a copy if they are aligned. The length must fit the shape. */
export function tensorFromBytes<D extends DType>(dtype: D, shape: readonly number[], bytes: Uint8Array): Tensor<D>;
export function tensorFromBytes(dtype: DType, shape: readonly number[], bytes: Uint8Array): Tensor {
  const size = bytesPerElement[dtype];
  // Not `slice`: `bytes` may be a Node Buffer, whose slice is a view.
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const length = byteLength / size;
  switch (dtype) {
    case "f64":
      return { dtype, shape, data: new Float64Array(buffer, byteOffset, length) };
    case "f32":
      return { dtype, shape, data: new Float32Array(buffer, byteOffset, length) };
    case "f16":
    case "bf16":
      return { dtype, shape, data: new Uint16Array(buffer, byteOffset, length) };
    case "i64":
      return { dtype, shape, data: new BigInt64Array(buffer, byteOffset, length) };
    case "i32":
      return { dtype, shape, data: new Int32Array(buffer, byteOffset, length) };
    case "u8":
      return { dtype, shape, data: new Uint8Array(buffer, byteOffset, length) };
  }
}
