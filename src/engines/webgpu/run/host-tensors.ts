/**
 * Tensors between the host and the GPU: rows padded to vectors on the way in, padding dropped on the way out.
 */
import { EngineError } from "../../../errors.ts";
import { encodeF16, toFloat32 } from "../../../tensor/half.ts";
import { elementCount, type Tensor } from "../../../tensor/tensor.ts";
import { rowMajorStrides, type Strided } from "../../reference/strided.ts";
import { rowLength, type StorageType, storageForms } from "../wgsl/storage.ts";

/** WebGPU takes no view of shared memory. */
type GpuData = ArrayBufferView<ArrayBuffer>;

/** A tensor's elements as they lie in GPU memory. Without a copy where they lie so already. */
export function toGpu(name: string, tensor: Tensor, type: StorageType): GpuData {
  if (type === "integers") {
    if (tensor.dtype !== "i32") throw wrongType(name, tensor, "i32");
    return ownBuffer(tensor.data);
  }
  const width = tensor.shape.at(-1) ?? 1;
  const padded = paddedWidth(tensor.shape, type);
  const rows = elementCount(tensor.shape.slice(0, -1));
  if (type === "f16" || type === "packed-f16") return toHalves(name, tensor, rows, width, padded);
  const data = toFloat32(tensor);
  if (padded === width) return ownBuffer(data);
  return ownBuffer(padRows(data, new Float32Array(rows * padded), width, padded));
}

function toHalves(name: string, tensor: Tensor, rows: number, width: number, padded: number): GpuData {
  if (tensor.dtype === "f16") {
    return ownBuffer(
      padded === width ? tensor.data : padRows(tensor.data, new Uint16Array(rows * padded), width, padded),
    );
  }
  const data = toFloat32(tensor);
  const halves = new Uint16Array(rows * padded);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) {
      const value = data[row * width + column] as number;
      const bits = encodeF16(value);
      if ((bits & 0x7fff) === 0x7c00 && Number.isFinite(value)) throw overflow(name, value);
      halves[row * padded + column] = bits;
    }
  }
  return halves;
}

function padRows<T extends Float32Array | Uint16Array>(data: T, target: T, width: number, padded: number): T {
  for (let row = 0; row * padded < target.length; row++) {
    target.set(data.subarray(row * width, (row + 1) * width) as T, row * padded);
  }
  return target;
}

function ownBuffer(data: Float32Array | Uint16Array | Int32Array): GpuData {
  const { buffer } = data;
  return buffer instanceof ArrayBuffer ? (data as GpuData) : (data.slice() as GpuData);
}

/** The tensor in a mapped buffer as it lies there, without a copy of float32. Of no use once the buffer is unmapped. */
export function seenOnGpu(bytes: ArrayBuffer, shape: readonly number[], type: StorageType): Strided<Float32Array> {
  const strides = rowMajorStrides([...shape.slice(0, -1), paddedWidth(shape, type)]).slice(0, shape.length);
  return { data: numbersIn(bytes, type), shape, strides, offset: 0 };
}

/** The tensor in a mapped buffer. */
export function fromGpu(bytes: ArrayBuffer, shape: readonly number[], type: StorageType): Float32Array<ArrayBuffer> {
  const data = numbersIn(bytes, type);
  const width = shape.at(-1) ?? 1;
  const padded = paddedWidth(shape, type);
  const rows = elementCount(shape.slice(0, -1));
  if (padded === width) return data.slice(0, rows * width);
  const target = new Float32Array(rows * width);
  // Not by subarrays: making one takes longer than copying the few elements of a narrow row.
  for (let row = 0, to = 0, from = 0; row < rows; row++, from += padded) {
    for (let column = 0; column < width; column++) target[to++] = data[from + column] as number;
  }
  return target;
}

/** Elements from row to row. */
function paddedWidth(shape: readonly number[], type: StorageType): number {
  const width = shape.at(-1) ?? 1;
  return type === "scalars" ? width : rowLength(width, type) * 4;
}

const numbersIn = (bytes: ArrayBuffer, type: StorageType): Float32Array<ArrayBuffer> =>
  type === "f32" || type === "scalars" ? new Float32Array(bytes) : unpackHalves(bytes);

function unpackHalves(bytes: ArrayBuffer): Float32Array<ArrayBuffer> {
  const bits = new Uint16Array(bytes);
  return new Float32Array(toFloat32({ dtype: "f16", shape: [bits.length], data: bits }));
}

/** Bytes of the elements of a type that begin at a row. */
export const bytesOfRow = (width: number, type: StorageType): number =>
  rowLength(width, type) * storageForms[type].bytes;

function wrongType(name: string, tensor: Tensor, expected: string): EngineError {
  return new EngineError({ found: `the input ${name} is ${tensor.dtype}`, expected });
}

function overflow(name: string, value: number): EngineError {
  return new EngineError({
    found: `${name} contains ${value}`,
    expected: "at most 65,504, the largest float16",
    advice: "Compute in float32: --precision f32.",
  });
}
