/**
 * Differences in units in the last place (ULP): multiples of the spacing of a precision's numbers at the original's value.
 * By this measure, one standard fits a logit of 12 and a probability of 10⁻⁶.
 *
 * Must stay true: quantiles are exact for any number of elements, without sorting all of them.
 */

import type { Precision } from "../layer/precision.ts";
import type { Pairs } from "./pairs.ts";

interface Format {
  /** Stored bits of the significand. */
  readonly fraction: number;
  /** Exponents of two of the smallest normal number and of the largest binade. */
  readonly minExponent: number;
  readonly maxExponent: number;
}

const formats: Readonly<Record<Precision, Format>> = {
  f32: { fraction: 23, minExponent: -126, maxExponent: 127 },
  f16: { fraction: 10, minExponent: -14, maxExponent: 15 },
  bf16: { fraction: 7, minExponent: -126, maxExponent: 127 },
};

/**
 * Each difference divided by the spacing of the precision's numbers around |original|: that of its binade, of subnormals
 * below the smallest, of the largest binade above it. All differences must be finite.
 */
export function ulpsOf({ original, difference }: Pairs, precision: Precision): Float64Array {
  const { fraction, minExponent, maxExponent } = formats[precision];
  // One reciprocal per binade: powers of two, so that the multiplication is exact.
  const perSpacing = Float64Array.from({ length: 2048 }, (_, biased) => {
    return 2 ** (fraction - Math.min(Math.max(biased - 1023, minExponent), maxExponent));
  });
  const words = new Uint32Array(original.buffer, original.byteOffset, original.length * 2);
  const ulps = new Float64Array(difference.length);
  for (let index = 0; index < difference.length; index++) {
    const binade = ((words[2 * index + 1] as number) >>> 20) & 0x7ff;
    ulps[index] = (difference[index] as number) * (perSpacing[binade] as number);
  }
  return ulps;
}

/** The spacing of a precision's numbers around a value; around zero, that of subnormals. */
export function spacingAt(value: number, precision: Precision): number {
  const { fraction, minExponent, maxExponent } = formats[precision];
  const binade = value === 0 ? minExponent : Math.floor(Math.log2(Math.abs(value)));
  return 2 ** (Math.min(Math.max(binade, minExponent), maxExponent) - fraction);
}

/**
 * Quantiles by nearest rank: the smallest value that at least this fraction of all values do not exceed; 0 without values.
 * @param values zero or positive, not NaN.
 */
export function quantiles(values: Float64Array, fractions: readonly number[]): number[] {
  const bins = new Bins(values);
  return fractions.map((fraction) => bins.ranked(Math.max(1, Math.ceil(fraction * values.length))));
}

/** Bits of a float64's upper word that a bin drops; it keeps 11 bits of exponent and 6 of the significand. */
const binShift = 14;
const binCount = 2 ** (31 - binShift);

/**
 * Bins of values by the upper bits of their patterns, which have the order of non-negative values. A rank's bin is found by
 * counting, and only that bin is sorted. Zeros, often the majority, are counted separately.
 */
class Bins {
  readonly #values: Float64Array;
  readonly #words: Uint32Array;
  readonly #counts: Uint32Array;
  readonly #zeros: number;

  constructor(values: Float64Array) {
    const words = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
    const counts = new Uint32Array(binCount);
    let zeros = 0;
    for (let index = 0; index < values.length; index++) {
      if (values[index] === 0) zeros++;
      else (counts[(words[2 * index + 1] as number) >>> binShift] as number)++;
    }
    this.#values = values;
    this.#words = words;
    this.#counts = counts;
    this.#zeros = zeros;
  }

  /** @param rank from 1. */
  ranked(rank: number): number {
    let before = this.#zeros;
    if (rank <= before || rank > this.#values.length) return 0;
    const counts = this.#counts;
    let bin = 0;
    while (before + (counts[bin] as number) < rank) before += counts[bin++] as number;
    return this.#membersOf(bin).sort()[rank - before - 1] as number;
  }

  #membersOf(bin: number): Float64Array {
    const values = this.#values;
    const words = this.#words;
    const members = new Float64Array(this.#counts[bin] as number);
    let count = 0;
    for (let index = 0; count < members.length; index++) {
      if ((words[2 * index + 1] as number) >>> binShift === bin && values[index] !== 0) {
        members[count++] = values[index] as number;
      }
    }
    return members;
  }
}
