/**
 * Pairs the elements of two tensors of one shape at real positions, as float64, with their differences.
 *
 * Must stay true: elements are in the order of the tensors; a difference is NaN exactly where either element is not finite.
 */
import { describe } from "../../checkpoint/describe.ts";
import { InputError } from "../../errors.ts";
import { toFloat64 } from "../../tensor/half.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export interface Pairs {
  readonly shape: readonly number[];
  readonly original: Float64Array;
  readonly candidate: Float64Array;
  /** |candidate − original|; NaN where either is not finite. */
  readonly difference: Float64Array;
  /** The flat index of each pair in the tensors, ascending; undefined if every element is real. */
  readonly places: Uint32Array | undefined;
}

/**
 * @param isReal whether the element at a flat index is compared; absent: all are.
 * @throws InputError if the shapes differ.
 */
export function pairUp(original: Tensor, candidate: Tensor, isReal?: (flatIndex: number) => boolean): Pairs {
  const { shape } = original;
  if (shape.length !== candidate.shape.length || shape.some((extent, axis) => extent !== candidate.shape[axis])) {
    throw new InputError({
      found: `the candidate's shape is ${describe(candidate.shape)}`,
      expected: `${describe(shape)}, the original's`,
    });
  }
  const places = isReal === undefined ? undefined : indicesWhere(original.data.length, isReal);
  const originals = gather(toFloat64(original), places);
  const candidates = gather(toFloat64(candidate), places);
  return { shape, original: originals, candidate: candidates, difference: differences(originals, candidates), places };
}

/** The pairs of two finite elements; the same object if all are. */
export function onlyFinite(pairs: Pairs): Pairs {
  const { difference, places } = pairs;
  if (!hasNaN(difference)) return pairs;
  const kept = indicesWhere(difference.length, (index) => !Number.isNaN(difference[index]));
  return {
    shape: pairs.shape,
    original: gather(pairs.original, kept),
    candidate: gather(pairs.candidate, kept),
    difference: gather(difference, kept),
    places: places === undefined ? kept : kept.map((index) => places[index] as number),
  };
}

/** The index of a pair along each axis. */
export function axesOf({ shape, places }: Pairs, index: number): number[] {
  let rest = places === undefined ? index : (places[index] as number);
  const axes = new Array<number>(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const extent = shape[axis] as number;
    axes[axis] = rest % extent;
    rest = Math.floor(rest / extent);
  }
  return axes;
}

/** A loop, because `includes` is much slower on a million elements. */
function hasNaN(values: Float64Array): boolean {
  for (let index = 0; index < values.length; index++) if (Number.isNaN(values[index])) return true;
  return false;
}

function indicesWhere(length: number, holds: (index: number) => boolean): Uint32Array {
  const indices = new Uint32Array(length);
  let count = 0;
  for (let index = 0; index < length; index++) if (holds(index)) indices[count++] = index;
  return indices.subarray(0, count);
}

function gather(values: Float64Array, places: Uint32Array | undefined): Float64Array {
  if (places === undefined) return values;
  const gathered = new Float64Array(places.length);
  for (let index = 0; index < places.length; index++) gathered[index] = values[places[index] as number] as number;
  return gathered;
}

function differences(original: Float64Array, candidate: Float64Array): Float64Array {
  const result = new Float64Array(original.length);
  for (let index = 0; index < result.length; index++) {
    const a = original[index] as number;
    const b = candidate[index] as number;
    result[index] = Number.isFinite(a) && Number.isFinite(b) ? Math.abs(b - a) : Number.NaN;
  }
  return result;
}
