/**
 * The GPU's events of a trace: kernels with their operations, costs and rates.
 *
 * The offset between the GPU's clock and the host's is unknown. All runs of a program are shifted by the same time, the
 * smallest with which no run starts on the GPU before its submission. So gaps between kernels are as measured, also across
 * runs; the gap between a submission and its first kernel may be longer than shown.
 *
 * Must stay true: no number is infinite, whatever times the GPU reports.
 */
import { allBytes } from "../explain/costs.ts";
import type { KernelIdentity, KernelWork } from "../explain/kernels.ts";
import type { RunTrace, TracedProgram } from "../run/run-recording.ts";
import { ProgramKernels, ratesOf, rounded } from "./run-kernels.ts";
import { spanEvent, type TraceArgs, type TraceEvent, type Track } from "./trace-events.ts";

/** The milliseconds to add to the GPU's times. @param runs of one program. */
export function clockShift(runs: readonly RunTrace[]): number {
  let shift = Number.NEGATIVE_INFINITY;
  for (const { host, times } of runs) {
    const submitted = host.find(({ phase }) => phase === "submit");
    const first = times?.[0];
    if (submitted && first) shift = Math.max(shift, submitted.startMs - first.startMs);
  }
  return Number.isFinite(shift) ? shift : 0;
}

/** The track of one program's kernels. */
export class ProgramTrack {
  readonly #kernels: ProgramKernels;
  readonly #track: Track;
  readonly #shiftMs: number;

  /** @param shiftMs added to the GPU's times. */
  constructor(program: TracedProgram, track: Track, shiftMs: number) {
    this.#kernels = new ProgramKernels(program);
    this.#track = track;
    this.#shiftMs = shiftMs;
  }

  /** @param number of the run. */
  eventsOf(run: RunTrace, number: number): TraceEvent[] {
    if (run.times === undefined) return [];
    const spans = new Map<string, { start: number; end: number }>();
    const events = this.#kernels.of(run).flatMap(({ identity, work, operations, time }) => {
      if (time === undefined) return [];
      const { start, end } = time;
      const args = { run: number, ...describeIdentity(identity), ...describeWork(work, end - start) };
      if (identity.subprogram !== null) {
        spans.set(identity.subprogram, { start: spans.get(identity.subprogram)?.start ?? start, end });
      }
      return [spanEvent(this.#track, operations, start + this.#shiftMs, end + this.#shiftMs, args)];
    });
    const around = [...spans].map(([name, { start, end }]) =>
      spanEvent(this.#track, name, start + this.#shiftMs, end + this.#shiftMs, { run: number }),
    );
    return [...around, ...events];
  }
}

function describeIdentity({ index, kind, section, layer, stages }: KernelIdentity): TraceArgs {
  const place = layer === null ? section : `${section} ${layer}`;
  return { kernel: index, kind, section: place, ...(stages.length > 0 && { stages }) };
}

function describeWork({ shape, workgroups, flops, bytes, intensity }: KernelWork, ms: number): TraceArgs {
  const all = allBytes(bytes);
  return {
    shape,
    workgroups,
    FLOPs: flops,
    bytes: all,
    "bytes written": bytes.written,
    ...(Number.isFinite(intensity) && { "FLOP/byte": rounded(intensity) }),
    ...ratesOf(flops, all, ms),
  };
}
