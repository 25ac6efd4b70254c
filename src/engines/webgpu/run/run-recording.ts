/**
 * What a run did and when: the phases of the host, and every kernel by the GPU's own clock.
 *
 * A run records only where somebody asked for it (`onTrace`). Elsewhere there is no recording, and a run does nothing
 * that it would not do without this module.
 *
 * Must stay true: times are finite and nothing ends before it starts, whatever the GPU reports; runs that overlap record
 * apart; only runs that succeeded are told of.
 */

import type { Binding } from "../../../program/bind.ts";
import type { Program } from "../../../program/program.ts";
import type { Level } from "../../../schedule/levels.ts";
import type { GpuPrecision } from "../device/precision.ts";
import type { LoweredKernel } from "../plan/lower.ts";
import type { Placement } from "../plan/placement.ts";

/**
 * What the host does in a run, in this order. A run that is submitted in portions (`encode-run.ts`) encodes and submits
 * twice; a pre-recorded one only submits.
 * - `prepare inputs`: check them, and pack sequences one after another;
 * - `memory`: make room on the GPU, where an earlier run has left too little;
 * - `write inputs`: hand them to the queue;
 * - `encode`: record the commands;
 * - `submit`: hand those to the queue;
 * - `prerecord`: record the next run, where this one is like the last;
 * - `wait`: until the GPU has computed and the outputs can be read;
 * - `decode`: outputs to tensors, and packed ones to rows again.
 */
export type HostPhase =
  | "prepare inputs"
  | "memory"
  | "write inputs"
  | "encode"
  | "submit"
  | "prerecord"
  | "wait"
  | "decode";

/** In milliseconds of `performance.now()`. */
export interface HostSpan {
  readonly phase: HostPhase;
  readonly startMs: number;
  readonly endMs: number;
}

/** In milliseconds of the GPU's own clock, which begins wherever it likes. */
export interface KernelTime {
  /** Place in the order of dispatch, from 0. */
  readonly index: number;
  readonly startMs: number;
  readonly endMs: number;
}

/** A program as it was compiled for a device: the same object for all its runs there. */
export interface TracedProgram {
  /** Adapter, as far as it says what it is. */
  readonly device: string;
  readonly precision: GpuPrecision;
  readonly level: Level;
  readonly program: Program;
  readonly placement: Placement;
}

/** One run of a program. */
export interface RunTrace {
  readonly program: TracedProgram;
  /** In order of dispatch, as they were lowered for a run of this size. */
  readonly kernels: readonly LoweredKernel[];
  /** What the program's symbols were: `tokens` of a packed program. */
  readonly extents: Binding;
  /** In a packed program: pairs of tokens of one sequence, the only ones that attention kernels look at. */
  readonly visiblePairs: number | undefined;
  /** Of each kernel; `undefined` where the GPU gives no times (no feature timestamp-query), or nobody wants them. */
  readonly times: readonly KernelTime[] | undefined;
  readonly host: readonly HostSpan[];
}

/** Told of every run that succeeded. */
export type OnTrace = (run: RunTrace) => void;

/** A run under way, being recorded. */
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

  /** One phase ends and the next begins. */
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

  /** The run has succeeded: tells of it. */
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
