/**
 * The GPU's half of a trace: kernels with what each computes, what that costs and how fast it went.
 *
 * The GPU has its own clock, and nobody says how far it is from the host's. All runs of a program are moved by the same
 * time: the smallest by which none begins on the GPU before the host submitted it. So what lies between two kernels is
 * as the GPU measured it, also from one run to the next; what lies between a submission and its first kernel may be longer
 * than shown.
 *
 * Must stay true: no number is infinite, whatever times the GPU gives.
 */
import type { LoweredKernel } from "../engines/webgpu/lower.ts";
import type { RunTrace, TracedProgram } from "../engines/webgpu/tracing.ts";
import { allBytes } from "../explain/costs.ts";
import { type Facts, factsOf, identityOf, type KernelIdentity, type KernelWork, workOf } from "../explain/kernels.ts";
import { sentenceOf } from "../explain/operations.ts";
import { spanEvent, type TraceArgs, type TraceEvent, type Track } from "./trace-events.ts";

/** What is to be added to the GPU's times to have the host's. All runs are of one program. */
export function clockShift(runs: readonly RunTrace[]): number {
  let shift = Number.NEGATIVE_INFINITY;
  for (const { host, times } of runs) {
    const submitted = host.find(({ phase }) => phase === "submit");
    const first = times?.[0];
    if (submitted && first) shift = Math.max(shift, submitted.startMs - first.startMs);
  }
  return Number.isFinite(shift) ? shift : 0;
}

/** The kernels of all runs of one program. */
export class ProgramTrack {
  readonly #program: TracedProgram;
  readonly #track: Track;
  readonly #shiftMs: number;
  readonly #facts: Facts;
  /** The same in every run, unlike the sources of kernels. */
  readonly #identities: KernelIdentity[] = [];

  /** @param shiftMs added to the GPU's times. */
  constructor(program: TracedProgram, track: Track, shiftMs: number) {
    this.#program = program;
    this.#track = track;
    this.#shiftMs = shiftMs;
    this.#facts = factsOf(program.schedule.program);
  }

  /** @param number of the run. */
  eventsOf({ kernels, times = [], extents, visiblePairs }: RunTrace, number: number): TraceEvent[] {
    let free = Number.NEGATIVE_INFINITY;
    const spans = new Map<string, { start: number; end: number }>();
    const events = times.flatMap(({ index, startMs, endMs }) => {
      const kernel = kernels[index];
      if (kernel === undefined) return [];
      // Kernels run one after another; a clock that ticks too rarely, or goes back, may tell otherwise.
      const start = Math.max(startMs, free);
      free = Math.max(start, endMs);
      const identity = this.#identityOf(kernel, index);
      const work = workOf(kernel, this.#facts, this.#program.placement, extents, visiblePairs);
      const name = sentenceOf(identity.operations.map((operation) => operation.name));
      const args = { run: number, ...describeIdentity(identity), ...describeWork(work, free - start) };
      if (identity.subprogram !== null) {
        spans.set(identity.subprogram, { start: spans.get(identity.subprogram)?.start ?? start, end: free });
      }
      return [spanEvent(this.#track, name, start + this.#shiftMs, free + this.#shiftMs, args)];
    });
    const around = [...spans].map(([name, { start, end }]) =>
      spanEvent(this.#track, name, start + this.#shiftMs, end + this.#shiftMs, { run: number }),
    );
    return [...around, ...events];
  }

  #identityOf(kernel: LoweredKernel, index: number): KernelIdentity {
    const identity = this.#identities[index] ?? identityOf(kernel, index, this.#facts);
    this.#identities[index] = identity;
    return identity;
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
    ...(ms > 0 && { "GFLOP/s": rounded(flops / ms / 1e6), "GB/s": rounded(all / ms / 1e6) }),
  };
}

const rounded = (value: number): number => Number(value.toPrecision(4));
