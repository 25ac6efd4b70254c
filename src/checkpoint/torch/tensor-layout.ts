/**
 * Where a tensor's elements lie in its storage.
 *
 * Must stay true: `checkLayout` accepts a tensor only if every element is inside the storage, and it has no more
 * elements than the storage, so that a tensor that is read never takes more memory than the file has bytes.
 */
import { CheckpointError, GET_AGAIN } from "../../errors.ts";
import { describe, grouped } from "../describe.ts";
import type { TorchStorage, TorchTensor } from "./values.ts";

/** PyTorch's own limit. */
const MAX_DIMENSIONS = 64;

/** A tensor before it is checked. */
export interface Layout {
  readonly storage: TorchStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** Elements from `start` to `end` of the storage that a tensor touches, and whether they are the tensor as it is. */
export interface Extent {
  readonly start: number;
  readonly end: number;
  readonly isContiguous: boolean;
}

/**
 * Checks that a tensor lies inside its storage.
 * @param what the file, for errors.
 * @throws CheckpointError if it does not.
 */
export function checkLayout({ storage, offset, shape, strides }: Layout, what: string): void {
  const fail = (expected: string): CheckpointError => {
    const found = `${what}: a tensor of shape ${describe(shape)} with strides ${describe(strides)} begins at element ${offset}`;
    return new CheckpointError({ found, expected, advice: GET_AGAIN });
  };
  if (shape.length !== strides.length || shape.length > MAX_DIMENSIONS) {
    throw fail(`a stride for each of at most ${MAX_DIMENSIONS} dimensions`);
  }
  let count = 1;
  let last = offset;
  for (const [dimension, extent] of shape.entries()) {
    count *= extent;
    last += Math.max(extent - 1, 0) * (strides[dimension] ?? 0);
  }
  const isInside = shape.includes(0) ? offset <= storage.length : last < storage.length;
  if (!isInside) throw fail(`a place inside its storage of ${grouped(storage.length)} elements`);
  // A stride of 0 repeats elements, without end.
  if (!(shape.includes(0) || count <= storage.length)) {
    throw fail(`at most the ${grouped(storage.length)} elements of its storage`);
  }
}

/** Where a checked tensor's elements are. */
export function extentOf({ offset, shape, strides }: TorchTensor): Extent {
  if (shape.includes(0)) return { start: offset, end: offset, isContiguous: true };
  let [count, last, isContiguous] = [1, offset, true];
  for (let dimension = shape.length - 1; dimension >= 0; dimension--) {
    const [extent, stride] = [shape[dimension] ?? 1, strides[dimension] ?? 0];
    // The stride of a dimension of one element is never used.
    if (extent > 1 && stride !== count) isContiguous = false;
    last += (extent - 1) * stride;
    count *= extent;
  }
  return { start: offset, end: last + 1, isContiguous };
}

/**
 * Copies a tensor that is not contiguous into row-major order.
 * @param bytes the tensor's extent.
 * @param width bytes of an element.
 */
export function gather(bytes: Uint8Array, { shape, strides }: TorchTensor, width: 1 | 2 | 4 | 8): Uint8Array {
  // Elements of 8 bytes move as two of 4: no bit pattern is touched, and floats could lose a NaN's.
  if (width === 8) return gatherUnits(bytes, [...shape, 2], [...strides.map((stride) => 2 * stride), 1], 4);
  return gatherUnits(bytes, shape, strides, width);
}

function gatherUnits(
  bytes: Uint8Array,
  shape: readonly number[],
  strides: readonly number[],
  width: 1 | 2 | 4,
): Uint8Array {
  const source = unitsOf(bytes, width);
  const count = shape.reduce((product, extent) => product * extent, 1);
  const result = new Uint8Array(count * width);
  const target = unitsOf(result, width);
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < count; to++) {
    target[to] = source[from] as number;
    for (let dimension = shape.length - 1; dimension >= 0; dimension--) {
      const [extent, stride, at] = [shape[dimension] ?? 1, strides[dimension] ?? 0, (index[dimension] ?? 0) + 1];
      index[dimension] = at === extent ? 0 : at;
      from += at === extent ? -stride * (extent - 1) : stride;
      if (at < extent) break;
    }
  }
  return result;
}

function unitsOf(bytes: Uint8Array, width: 1 | 2 | 4): Uint8Array | Uint16Array | Uint32Array {
  // Not `slice`: `bytes` may be a Node Buffer, whose slice is a view.
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  if (width === 1) return new Uint8Array(buffer, byteOffset, byteLength);
  return width === 2
    ? new Uint16Array(buffer, byteOffset, byteLength / 2)
    : new Uint32Array(buffer, byteOffset, byteLength / 4);
}
