/**
 * Counts differences by decade.
 *
 * Must stay true: a decade begins at the float64 nearest to its power of ten, so that 0.001 belongs to [0.001, 0.01); a
 * logarithm alone would sometimes be one decade too low.
 */
import type { Histogram } from "../report/report.ts";

/** The decade of the smallest float64. */
const lowest = -324;
const decades = 634;

/** 10^(lowest + i); the last is infinite. */
let powers: Float64Array | undefined;
/** The decade, from `lowest`, in which each of float64's 2048 binades begins. */
let firstOfBinade: Uint16Array | undefined;

/** @param differences zero or positive, not NaN. */
export function histogramOf(differences: Float64Array): Histogram {
  const limits = powersOfTen();
  const starts = binadeStarts(limits);
  const words = new Uint32Array(differences.buffer, differences.byteOffset, differences.length * 2);
  const counts = new Uint32Array(decades + 1);
  let zeros = 0;
  for (let index = 0; index < differences.length; index++) {
    const value = differences[index] as number;
    if (value === 0) zeros++;
    else {
      let decade = starts[(words[2 * index + 1] as number) >>> 20] as number;
      while (value >= (limits[decade + 1] as number)) decade++;
      (counts[decade] as number)++;
    }
  }
  const first = counts.findIndex((count) => count > 0);
  if (first < 0) return { zeros, first: 0, counts: [] };
  const last = counts.findLastIndex((count) => count > 0);
  return { zeros, first: lowest + first, counts: Array.from(counts.subarray(first, last + 1)) };
}

function powersOfTen(): Float64Array {
  powers ??= Float64Array.from({ length: decades }, (_, index) => Number(`1e${lowest + index}`));
  return powers;
}

function binadeStarts(limits: Float64Array): Uint16Array {
  // The first binade has all subnormals, so its search starts at the lowest decade. The last is infinity.
  firstOfBinade ??= Uint16Array.from({ length: 2048 }, (_, biased) => {
    return biased === 0 ? 0 : limits.findLastIndex((limit) => limit <= 2 ** (biased - 1023));
  });
  return firstOfBinade;
}
