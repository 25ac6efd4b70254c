/**
 * Times repeated runs, after a warm-up in which the GPU reaches its full clock.
 */
import { medianOf } from "../../src/format/median.ts";

export interface Time {
  readonly median: number;
  readonly fastest: number;
}

/** @returns milliseconds. */
export async function timeRuns(run: () => Promise<unknown>, warmUpMs: number, count: number): Promise<Time> {
  for (const start = performance.now(); performance.now() - start < warmUpMs; ) await run();
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const before = performance.now();
    await run();
    times.push(performance.now() - before);
  }
  return { median: medianOf(times), fastest: Math.min(...times) };
}

/** For a table: the median, and the fastest in brackets. */
export const formatTime = ({ median, fastest }: Time): string => `${median.toFixed(3)} (${fastest.toFixed(3)})`;
