/** Converts tensors between host and GPU layout: on the GPU, rows are padded to whole vectors. */
import { EngineError } from "../../../errors.ts";
import { encodeF16, toFloat32 } from "../../../tensor/half.ts";
import { elementCount, type Tensor } from "../../../tensor/tensor.ts";
import { rowMajorStrides, type Strided } from "../../reference/strided.ts";
import { rowLength, type StorageType, storageForms } from "../wgsl/storage.ts";

/** WebGPU accepts no view of a SharedArrayBuffer. */
type GpuData = ArrayBufferView<ArrayBuffer>;

/** A tensor's elements in GPU layout; not copied if the layouts are the same. */
export function toGpu(name: string, tensor: Tensor, type: StorageType): GpuData {
  if (type === "integers") {
    if (tensor.dtype === "i32") return unshared(tensor.data);
    throw new EngineError({ found: `the input ${name} is ${tensor.dtype}`, expected: "i32" });
  }
  const width = tensor.shape.at(-1) ?? 1;
  const padded = paddedWidth(tensor.shape, type);
  const rows = elementCount(tensor.shape.slice(0, -1));
  if (type === "f16" || type === "packed-f16") return toHalves(name, tensor, rows, width, padded);
  const data = toFloat32(tensor);
  return unshared(padded === width ? data : padRows(data, new Float32Array(rows * padded), width, padded));
}

function toHalves(name: string, tensor: Tensor, rows: number, width: number, padded: number): GpuData {
  if (tensor.dtype === "f16" && padded === width) return unshared(tensor.data);
  const halves = new Uint16Array(rows * padded);
  if (tensor.dtype === "f16") return unshared(padRows(tensor.data, halves, width, padded));
  const data = toFloat32(tensor);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) {
      const value = data[row * width + column] as number;
      const bits = encodeF16(value);
      if ((bits & 0x7fff) === 0x7c00 && Number.isFinite(value)) {
        throw new EngineError({
          found: `${name} contains ${value}`,
          expected: "at most 65,504, the largest float16",
          advice: "Compute in float32: --precision f32.",
        });
      }
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

const unshared = (data: Float32Array | Uint16Array | Int32Array): GpuData =>
  (data.buffer instanceof ArrayBuffer ? data : data.slice()) as GpuData;

/** A view of the tensor in a mapped buffer, valid until the buffer is unmapped. float32 is not copied. */
export function mappedView(bytes: ArrayBuffer, shape: readonly number[], type: StorageType): Strided<Float32Array> {
  const strides = rowMajorStrides([...shape.slice(0, -1), paddedWidth(shape, type)]).slice(0, shape.length);
  return { data: numbersIn(bytes, type), shape, strides, offset: 0 };
}

/** A copy of the tensor in a mapped buffer. */
export function fromGpu(bytes: ArrayBuffer, shape: readonly number[], type: StorageType): Float32Array<ArrayBuffer> {
  const data = numbersIn(bytes, type);
  const width = shape.at(-1) ?? 1;
  const padded = paddedWidth(shape, type);
  const rows = elementCount(shape.slice(0, -1));
  if (padded === width) return data.slice(0, rows * width);
  const target = new Float32Array(rows * width);
  // Element by element: for narrow rows, creating a subarray takes longer than copying its elements.
  for (let row = 0, to = 0, from = 0; row < rows; row++, from += padded) {
    for (let column = 0; column < width; column++) target[to++] = data[from + column] as number;
  }
  return target;
}

/** The row stride, in elements. */
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

/** Bytes of a padded row. */
export const bytesOfRow = (width: number, type: StorageType): number =>
  rowLength(width, type) * storageForms[type].bytes;
