/**
 * The precisions of candidates, and rounding to them.
 */
import { f16round } from "@petamoriken/float16";
import { toFloat64 } from "../../tensor/half.ts";
import type { FloatDType, Tensor } from "../../tensor/tensor.ts";

export const precisions = ["f32", "f16", "bf16"] as const;

export type Precision = (typeof precisions)[number];

/** The largest finite value of each precision. */
export const largest: Readonly<Record<Precision, number>> = {
  f32: 3.4028234663852886e38,
  f16: 65_504,
  bf16: 3.3895313892515355e38,
};

/** The largest relative error of rounding to nearest. */
export const unitRoundoff: Readonly<Record<Precision, number>> = { f32: 2 ** -24, f16: 2 ** -11, bf16: 2 ** -8 };

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** To nearest, ties to even. Rounds float64 to float32 first; the double rounding is too small to affect a verdict. */
function roundToBf16(value: number): number {
  if (!Number.isFinite(value)) return value;
  float[0] = value;
  const word = bits[0] as number;
  bits[0] = (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000;
  return float[0] as number;
}

/** Fewer different values may be exact in any precision. */
const enoughValues = 100;

/** The precision below float32 of which all values are numbers, as where a kernel widens what it dumps; undefined if none. */
export function narrowerPrecision(tensors: readonly Tensor<FloatDType>[]): Precision | undefined {
  if (!haveManyValues(tensors)) return undefined;
  return (["f16", "bf16"] as const).find((precision) => {
    const isExact = (value: number) => Number.isNaN(value) || roundTo[precision](value) === value;
    return tensors.every((tensor) => toFloat64(tensor).every(isExact));
  });
}

function haveManyValues(tensors: readonly Tensor<FloatDType>[]): boolean {
  const different = new Set<number>();
  for (const tensor of tensors) {
    for (const value of toFloat64(tensor)) if (different.add(value).size >= enoughValues) return true;
  }
  return false;
}

/** Rounds to the nearest number of the precision, or to infinity beyond the largest. */
export const roundTo: Readonly<Record<Precision, (value: number) => number>> = {
  f32: Math.fround,
  f16: f16round,
  bf16: roundToBf16,
};
