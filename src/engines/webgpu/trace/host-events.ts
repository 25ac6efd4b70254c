/**
 * The host's events of a trace: each run with its phases.
 *
 * Must stay true: overlapping runs are on separate tracks.
 */
import type { RunTrace } from "../run/run-recording.ts";
import { spanEvent, type TraceArgs, type TraceEvent, type Track } from "./trace-events.ts";

/** Start and end of a run, by the host's clock. */
export function runTime({ host }: RunTrace): { readonly startMs: number; readonly endMs: number } {
  return { startMs: host[0]?.startMs ?? 0, endMs: host.at(-1)?.endMs ?? 0 };
}

/** Each run's track: the first that is free when it starts. Runs are given in the order of their ends. */
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

/** @param originMs the trace's origin, by the host's clock. */
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
