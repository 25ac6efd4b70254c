/**
 * The part of the Trace Event Format that fusebert writes, for chrome://tracing and Perfetto. Times are microseconds.
 * https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 *
 * Must stay true: every number is finite, as in all JSON; events of one track are disjoint or nested.
 */
import { jsonText } from "../../../format/json.ts";

export type TraceArgs = Readonly<Record<string, string | number | readonly number[] | readonly string[]>>;

/** A row in the viewer: a thread of a process. */
export interface Track {
  readonly pid: number;
  readonly tid: number;
}

export type TraceEvent = Track &
  (
    | { readonly name: string; readonly ph: "X"; readonly ts: number; readonly dur: number; readonly args: TraceArgs }
    | { readonly name: string; readonly ph: "M"; readonly args: TraceArgs }
  );

/** @param startMs from the trace's origin, as is `endMs`. */
export function spanEvent(track: Track, name: string, startMs: number, endMs: number, args: TraceArgs): TraceEvent {
  const [ts, end] = [nanoseconds(startMs), nanoseconds(endMs)];
  return { name, ph: "X", ...track, ts: ts / 1000, dur: (end - ts) / 1000, args };
}

/** Rounded, so that equal times stay equal. */
const nanoseconds = (ms: number): number => Math.round(ms * 1e6);

/** A process's name and position in the viewer. */
export function processEvents(pid: number, name: string): TraceEvent[] {
  return [
    { name: "process_name", ph: "M", pid, tid: 0, args: { name } },
    { name: "process_sort_index", ph: "M", pid, tid: 0, args: { sort_index: pid } },
  ];
}

export function threadEvents({ pid, tid }: Track, name: string): TraceEvent[] {
  return [
    { name: "thread_name", ph: "M", pid, tid, args: { name } },
    { name: "thread_sort_index", ph: "M", pid, tid, args: { sort_index: tid } },
  ];
}

/** One event per line, so that line-based tools can search the file. */
export function traceFile(events: Iterable<TraceEvent>, metadata: TraceArgs): string {
  const lines = Array.from(events, (event) => jsonText(event));
  return `{"displayTimeUnit":"ns","otherData":${jsonText(metadata)},"traceEvents":[\n${lines.join(",\n")}\n]}\n`;
}
