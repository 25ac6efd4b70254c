/**
 * Plausible figures of a comparison, for the sample report.
 */
import type { Corners, Heatmap, Statistics } from "../../report/report.ts";

export const [batch, sequence, hidden, heads] = [1, 384, 768, 12];

/** @param error relative L2; the original's elements are of magnitude one. */
export function statistics(random: () => number, { error, stage }: { error: number; stage: string }): Statistics {
  const scores = stage === "attention_scores" || stage === "attention_probs";
  const shape = scores ? [batch, heads, sequence, sequence] : [batch, sequence, hidden];
  const count = shape.reduce((product, extent) => product * extent, 1);
  const index = shape.map((extent) => Math.floor(random() * extent));
  const decade = Math.floor(Math.log10(error || 1));
  const shares = [0.0004, 0.003, 0.03, 0.22, 0.52, 0.2266];
  return {
    count,
    maxAbsolute: { value: error * 6.2, index },
    meanAbsolute: error * 0.7,
    maxRelative: { value: error * 5100, index },
    meanRelative: error * 4,
    l2Absolute: error * Math.sqrt(count),
    l2Relative: error,
    cosine: 1 - (error * error) / 2,
    sqnr: error === 0 ? null : -20 * Math.log10(error),
    ulp: { median: error * 3e6, p90: error * 1.2e7, p99: error * 4e7, max: error * 1e9 },
    nan: 0,
    infinite: 0,
    nearOverflow: 0,
    firstNonFinite: null,
    minimumTolerance: { absolute: error * 6.2, relative: error * 5100 },
    histogram: {
      zeros: Math.round(count * 0.04),
      first: decade - 4,
      counts: shares.map((share) => Math.round(count * 0.96 * share)),
    },
    heatmap: heatmap(random, error, scores ? heads * sequence : sequence, shape.at(-1) ?? 1),
  };
}

/** Noise, larger in one head's columns and in outlier rows, like real differences. */
function heatmap(random: () => number, error: number, rows: number, columns: number): Heatmap {
  const head = Math.floor(random() * 12);
  const cells = Array.from({ length: 48 }, (_, row) =>
    Array.from({ length: 64 }, (_, column) => {
      const inHead = Math.floor((column * 12) / 64) === head ? 4 : 1;
      const special = row === 0 || row === 31 ? 3 : 1;
      return error * inHead * special * 0.5 * Math.exp(1.1 * (random() + random() - 1));
    }),
  );
  return { rows, columns, cells };
}

export function corners(random: () => number, shape: readonly number[], size: number): Corners {
  const value = () => (random() + random() + random() - 1.5) * 2 * size;
  return {
    shape,
    rows: Array.from({ length: 6 }, () => Array.from({ length: 6 }, value)),
    rowsElided: true,
    columnsElided: true,
  };
}

export function constantCorners(shape: readonly number[], value: number): Corners {
  const rows = Array.from({ length: 6 }, () => Array.from({ length: 6 }, () => value));
  return { shape, rows, rowsElided: true, columnsElided: true };
}
