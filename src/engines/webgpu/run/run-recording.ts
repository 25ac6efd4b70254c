/**
 * Records what a run did and when: the host's phases, and every kernel by the GPU's clock. Without the option `onTrace`
 * nothing is recorded, at no cost.
 *
 * Must stay true: times are finite and nothing ends before it starts, whatever the GPU reports; overlapping runs have
 * separate recordings; only successful runs are reported.
 */
import type { Binding } from "../../../program/bind.ts";
import type { Program } from "../../../program/program.ts";
import type { Level } from "../../../schedule/levels.ts";
import type { GpuPrecision } from "../device/precision.ts";
import type { LoweredKernel } from "../plan/lower.ts";
import type { Placement } from "../plan/placement.ts";

/**
 * The host's phases, in order. A run in two portions (`encode-run.ts`) encodes and submits twice; a pre-recorded one only
 * submits.
 */
export type HostPhase =
  | "prepare inputs" // Check them and pack sequences.
  | "memory" // Allocate GPU memory, if the arena of earlier runs is too small.
  | "write inputs" // Enqueue their write.
  | "encode" // Encode command buffers.
  | "submit" // Submit them to the queue.
  | "prerecord" // Encode the next run, if this one had the size of the last.
  | "wait" // Until the GPU has finished and the outputs can be read.
  | "decode"; // Convert outputs to tensors and unpack them.

/** In milliseconds of `performance.now()`. */
export interface HostSpan {
  readonly phase: HostPhase;
  readonly startMs: number;
  readonly endMs: number;
}

/** In milliseconds of the GPU's clock, whose origin is arbitrary. */
export interface KernelTime {
  /** Index in dispatch order. */
  readonly index: number;
  readonly startMs: number;
  readonly endMs: number;
}

/** A program as compiled for a device: one object for all its runs. */
export interface TracedProgram {
  /** The adapter's description. */
  readonly device: string;
  readonly precision: GpuPrecision;
  readonly level: Level;
  readonly program: Program;
  readonly placement: Placement;
}

/** One run of a program. */
export interface RunTrace {
  readonly program: TracedProgram;
  /** In dispatch order, as lowered for a run of this size. */
  readonly kernels: readonly LoweredKernel[];
  /** The extents of the program's symbols: `tokens` for a packed program. */
  readonly extents: Binding;
  /** In a packed program: pairs of tokens of one sequence, the only ones that attention kernels compute. */
  readonly visiblePairs: number | undefined;
  /** One per kernel; `undefined` if the GPU lacks timestamp-query, or kernels are not timed. */
  readonly times: readonly KernelTime[] | undefined;
  readonly host: readonly HostSpan[];
}

/** Called after every successful run. */
export type OnTrace = (run: RunTrace) => void;

/** The recording of a run in progress. */
export class RunRecording {
  readonly #program: TracedProgram;
  readonly #onTrace: OnTrace;
  readonly #host: HostSpan[] = [];
  #kernels: readonly LoweredKernel[] = [];
  #extents: Binding = new Map();
  #times: readonly KernelTime[] | undefined;
  #phase: HostPhase = "prepare inputs";
  #startMs = performance.now();

  constructor(program: TracedProgram, onTrace: OnTrace) {
    this.#program = program;
    this.#onTrace = onTrace;
  }

  /** Ends the current phase and begins another. */
  enter(phase: HostPhase): void {
    const now = performance.now();
    this.#host.push({ phase: this.#phase, startMs: this.#startMs, endMs: now });
    this.#phase = phase;
    this.#startMs = now;
  }

  dispatched(kernels: readonly LoweredKernel[], extents: Binding): void {
    this.#kernels = kernels;
    this.#extents = extents;
  }

  timed(times: readonly KernelTime[]): void {
    this.#times = times;
  }

  /** Reports the run, which has succeeded. */
  finish(visiblePairs: number | undefined): void {
    this.#host.push({ phase: this.#phase, startMs: this.#startMs, endMs: performance.now() });
    this.#onTrace({
      program: this.#program,
      kernels: this.#kernels,
      extents: this.#extents,
      visiblePairs,
      times: this.#times,
      host: this.#host,
    });
  }
}
