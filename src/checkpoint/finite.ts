/**
 * Finds NaN and infinity in weights, because one such value makes every answer NaN.
 *
 * In every float format both have all exponent bits set. The bits are tested directly: half-precision values need no
 * decoding, and the loop checks several hundred million values per second.
 */
import { CheckpointError, GET_AGAIN } from "../errors.ts";
import { toFloat64 } from "../tensor/half.ts";
import type { FloatDType, Tensor } from "../tensor/tensor.ts";
import { grouped } from "./describe.ts";

/**
 * @param what the tensor and its file, for errors.
 * @throws CheckpointError with the index of the first NaN or infinity.
 */
export function checkFinite(tensor: Tensor<FloatDType>, what: string): void {
  const index = firstNonFinite(tensor);
  if (index === -1) return;
  const value = toFloat64({ ...tensor, data: tensor.data.slice(index, index + 1) } as Tensor)[0];
  throw new CheckpointError({
    found: `${what} is ${value} at element ${grouped(index)}, [${multiIndex(index, tensor.shape).join(", ")}]`,
    expected: "finite values",
    advice: `${GET_AGAIN} If it stays so, the checkpoint is broken: its training diverged or its numbers overflowed.`,
  });
}

/** The flat index of the first NaN or infinity; -1 if there is none. */
export function firstNonFinite(tensor: Tensor<FloatDType>): number {
  switch (tensor.dtype) {
    case "f16":
      return pairsAreFinite(tensor.data, 0x7c00, 0x0400) ? -1 : firstWithAll(tensor.data, 0x7c00);
    case "bf16":
      return pairsAreFinite(tensor.data, 0x7f80, 0x0080) ? -1 : firstWithAll(tensor.data, 0x7f80);
    case "f32": {
      const { buffer, byteOffset, length } = tensor.data;
      return firstWithAll(new Int32Array(buffer, byteOffset, length), 0x7f80_0000);
    }
    case "f64":
      return tensor.data.findIndex((value) => !Number.isFinite(value));
  }
}

/**
 * Tests two half-precision values at a time: adding an exponent's lowest bit carries into the sign bit only if all
 * exponent bits are set. Always false for unaligned or odd-length data.
 */
function pairsAreFinite({ buffer, byteOffset, length }: Uint16Array, exponent: number, lowestBit: number): boolean {
  if (byteOffset % 4 !== 0 || length % 2 !== 0) return false;
  const pairs = new Int32Array(buffer, byteOffset, length / 2);
  const exponents = exponent * 0x1_0001;
  const lowestBits = lowestBit * 0x1_0001;
  const count = pairs.length;
  let carries = 0;
  for (let index = 0; index < count; index++) carries |= (((pairs[index] as number) & exponents) + lowestBits) | 0;
  return (carries & 0x8000_8000) === 0;
}

function firstWithAll(words: Uint16Array | Int32Array, exponent: number): number {
  for (let index = 0; index < words.length; index++) {
    if (((words[index] as number) & exponent) === exponent) return index;
  }
  return -1;
}

/** Converts a flat row-major index to one index per dimension. */
export function multiIndex(flat: number, shape: readonly number[]): number[] {
  let rest = flat;
  const reversed = shape.toReversed().map((extent) => {
    const index = rest % extent;
    rest = (rest - index) / extent;
    return index;
  });
  return reversed.reverse();
}
