/**
 * Differences in units in the last place: how many representable numbers of a precision lie between, at the original's
 * value. It is the only measure under which a logit of 12 and a probability of 10⁻⁶ can be held to one standard.
 *
 * Must stay true: quantiles are exact, of any number of elements, without sorting all of them.
 */

import type { Precision } from "../layer/precision.ts";
import type { Pairs } from "./pairs.ts";

interface Format {
  /** Stored bits of the significand. */
  readonly fraction: number;
  /** Exponents of two of the smallest normal number and of the largest binade. */
  readonly least: number;
  readonly most: number;
}

const formats: Readonly<Record<Precision, Format>> = {
  f32: { fraction: 23, least: -126, most: 127 },
  f16: { fraction: 10, least: -14, most: 15 },
  bf16: { fraction: 7, least: -126, most: 127 },
};

/**
 * Each difference in units of the spacing that a precision's numbers have around |original|: that of its binade, the
 * smallest subnormal below all binades, the largest binade's above them. All differences must be finite.
 */
export function ulpsOf({ original, difference }: Pairs, precision: Precision): Float64Array {
  const { fraction, least, most } = formats[precision];
  // Reciprocals, one a binade: powers of two, so multiplying by them is exact.
  const perSpacing = Float64Array.from({ length: 2048 }, (_, biased) => {
    return 2 ** (fraction - Math.min(Math.max(biased - 1023, least), most));
  });
  const words = new Uint32Array(original.buffer, original.byteOffset, original.length * 2);
  const ulps = new Float64Array(difference.length);
  for (let index = 0; index < difference.length; index++) {
    const binade = ((words[2 * index + 1] as number) >>> 20) & 0x7ff;
    ulps[index] = (difference[index] as number) * (perSpacing[binade] as number);
  }
  return ulps;
}

/** The distance between a precision's numbers around a value; that of the smallest subnormals around zero. */
export function spacingAt(value: number, precision: Precision): number {
  const { fraction, least, most } = formats[precision];
  const binade = value === 0 ? least : Math.floor(Math.log2(Math.abs(value)));
  return 2 ** (Math.min(Math.max(binade, least), most) - fraction);
}

/**
 * Quantiles by nearest rank: the smallest value that at least this fraction of all values do not exceed. 0 of none.
 * @param values none negative, none NaN.
 */
export function quantiles(values: Float64Array, fractions: readonly number[]): number[] {
  const bins = new Bins(values);
  return fractions.map((fraction) => bins.ranked(Math.max(1, Math.ceil(fraction * values.length))));
}

/** What is kept of a float64's upper word: 11 bits of exponent and 6 of the significand, 64 bins an octave. */
const binShift = 14;
const binCount = 2 ** (31 - binShift);

/**
 * Values by the upper bits of their patterns, which sort as the values do while none is negative. A rank's bin is found
 * by counting, and only that bin is sorted. Zeros are counted apart: often most of the values are.
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

  /** The value of a rank, from 1. */
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
