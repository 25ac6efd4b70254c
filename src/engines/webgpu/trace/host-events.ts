/**
 * The host's half of a trace: each run, and in it its phases.
 *
 * Must stay true: runs that overlap stand on tracks of their own.
 */
import type { RunTrace } from "../run/run-recording.ts";
import { spanEvent, type TraceArgs, type TraceEvent, type Track } from "./trace-events.ts";

/** When a run began and ended, by the host's clock. */
export function runTime({ host }: RunTrace): { readonly startMs: number; readonly endMs: number } {
  return { startMs: host[0]?.startMs ?? 0, endMs: host.at(-1)?.endMs ?? 0 };
}

/** For each run the first track that is free when it begins. Runs come in the order in which they ended. */
export function lanesOf(runs: readonly RunTrace[]): number[] {
  const lanes = new Array<number>(runs.length).fill(0);
  const free: number[] = [];
  const order = runs.map((run, index) => ({ index, ...runTime(run) })).sort((a, b) => a.startMs - b.startMs);
  for (const { index, startMs, endMs } of order) {
    const found = free.findIndex((freeFrom) => freeFrom <= startMs);
    const lane = found < 0 ? free.length : found;
    free[lane] = endMs;
    lanes[index] = lane;
  }
  return lanes;
}

/** @param originMs where the trace begins, by the host's clock. */
export function hostEvents(run: RunTrace, number: number, track: Track, originMs: number): TraceEvent[] {
  const { startMs, endMs } = runTime(run);
  const args: TraceArgs = {
    run: number,
    ...Object.fromEntries(run.extents),
    ...(run.visiblePairs !== undefined && { "visible pairs": run.visiblePairs }),
  };
  return [
    spanEvent(track, `run ${number}`, startMs - originMs, endMs - originMs, args),
    ...run.host.map((span) => spanEvent(track, span.phase, span.startMs - originMs, span.endMs - originMs, {})),
  ];
}
