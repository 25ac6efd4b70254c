/**
 * The Trace Event Format, as far as fusebert writes it: what chrome://tracing and Perfetto open.
 *
 * https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU. Times are microseconds.
 *
 * Must stay true: what is written is JSON, so every number is finite, and on one track events lie beside or within each
 * other, never across.
 */
import { jsonText } from "../../../format/json.ts";

export type TraceArgs = Readonly<Record<string, string | number | readonly number[] | readonly string[]>>;

/** A row of the viewer: a thread of a process. */
export interface Track {
  readonly pid: number;
  readonly tid: number;
}

export type TraceEvent = Track &
  (
    | { readonly name: string; readonly ph: "X"; readonly ts: number; readonly dur: number; readonly args: TraceArgs }
    | { readonly name: string; readonly ph: "M"; readonly args: TraceArgs }
  );

/** Something that lasted; `startMs` and `endMs` in milliseconds from the beginning of the trace. */
export function spanEvent(track: Track, name: string, startMs: number, endMs: number, args: TraceArgs): TraceEvent {
  const [ts, end] = [nanoseconds(startMs), nanoseconds(endMs)];
  return { name, ph: "X", ...track, ts: ts / 1000, dur: (end - ts) / 1000, args };
}

/** Whole ones: two ends that are equal stay equal. */
const nanoseconds = (ms: number): number => Math.round(ms * 1e6);

/** What the viewer calls a process and where it puts it. */
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

/** One event a line, so that the file can be searched with the usual tools. */
export function traceFile(events: Iterable<TraceEvent>, metadata: TraceArgs): string {
  const lines = Array.from(events, (event) => jsonText(event));
  return `{"displayTimeUnit":"ns","otherData":${jsonText(metadata)},"traceEvents":[\n${lines.join(",\n")}\n]}\n`;
}
