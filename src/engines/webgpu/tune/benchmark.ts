/**
 * The candidates for one kernel at one size of runs, against the default tile: each timed shortly, the best few checked and
 * timed at length in turns, so that a change of the GPU's clock meets all of them.
 */

import { EngineError, messageOf } from "../../../errors.ts";
import { medianOf } from "../../../format/median.ts";
import { DeviceLostError } from "../device/device-health.ts";
import type { Tile } from "../kernels/family.ts";
import { tolerances } from "../run/self-test.ts";
import type { Inputs, KernelRig, PlacedKernels } from "./time-kernel.ts";
import { lowerInTile, type TuningPlan, type TuningSize, type TuningSubject } from "./tuning-plan.ts";

export interface Candidate {
  readonly tile: Tile;
  /** The kernel in the tile, and those that are timed with it. */
  readonly kernels: PlacedKernels;
}

export interface MeasuredTile {
  readonly tile: Tile;
  /** Microseconds of one dispatch, and of those that are timed with it. */
  readonly us: number;
}

/** What came out for a kernel at a size of runs. */
export interface TuningResult {
  readonly subject: TuningSubject;
  readonly size: TuningSize;
  readonly baseline: MeasuredTile;
  /** The default one where none is faster. */
  readonly best: MeasuredTile;
}

export interface BenchmarkHooks {
  /** The GPU is about to compute in a tile; `undefined` for the default one. Throws if there is to be no more. */
  readonly begin: (tile: Tile | undefined) => void;
  /** A candidate is done with. */
  readonly advance: () => void;
  readonly refuse: (tile: Tile, reason: string) => void;
}

export interface BenchmarkSubject {
  readonly plan: TuningPlan;
  readonly subject: TuningSubject;
  readonly size: TuningSize;
  readonly rig: KernelRig;
}

/** Timed at length, besides the default tile. */
const shortlistSize = 6;
const rounds = 7;
/** What all dispatches of a measurement are to take together. The host's clock also shows what it does itself. */
const byGpu = { shortMs: 1, longMs: 4 };
const byHost = { shortMs: 8, longMs: 30 };
const maxDispatches = 2000;
/**
 * Before a kernel is measured the GPU computes until it is no longer getting faster, so that it has its full clock: an NVIDIA
 * H200 that was idle took most of a second, and what was measured in it came out up to three times too slow.
 */
const warmUp = { minMs: 400, maxMs: 3000, burstMs: 25, gain: 0.02, calmBursts: 5 };
/** By how much a tile has to be faster than the default one, so that it is no accident. */
const minGain = 0.01;
/** A candidate so many times slower than the default tile is not looked at twice. */
const cutoffRatio = 3;
/** Tokens of the run by which tiles are checked: no multiple of any tile. */
export const checkedRows = 301;

export class Benchmark {
  readonly #parts: BenchmarkSubject;
  readonly #hooks: BenchmarkHooks;
  readonly #inputs: Inputs;
  readonly #aim: typeof byGpu;

  constructor(parts: BenchmarkSubject, hooks: BenchmarkHooks) {
    this.#parts = parts;
    this.#hooks = hooks;
    this.#inputs = parts.plan.inputsFor(parts.size.rows);
    this.#aim = parts.rig.hasClock ? byGpu : byHost;
  }

  /** @param candidates that were compiled; the default tile is not among them. */
  async run(candidates: readonly Candidate[]): Promise<TuningResult> {
    const { plan, subject, size } = this.#parts;
    const baseline = { tile: size.defaultTile, kernels: lowerInTile(plan, subject, size.defaultTile) };
    this.#hooks.begin(undefined);
    const baselineMs = await this.#warmUp(baseline);
    const times: { readonly candidate: Candidate; readonly ms: number }[] = [];
    for (const candidate of candidates) {
      const ms = await this.#attempt(candidate, () => this.#timeShortly(candidate, baselineMs));
      if (ms !== undefined) times.push({ candidate, ms });
      this.#hooks.advance();
    }
    const fastest = times.sort((a, b) => a.ms - b.ms).slice(0, shortlistSize);
    const right = await this.#check(
      fastest.map(({ candidate }) => candidate),
      baseline,
    );
    return { subject, size, ...(await this.#final(baseline, right, baselineMs)) };
  }

  /** @returns milliseconds of the kernel in the default tile, and of those that are timed with it. */
  async #warmUp(baseline: Candidate): Promise<number> {
    const start = performance.now();
    let fastest = await this.#time(baseline, 1);
    let calm = 0;
    for (;;) {
      const ms = await this.#time(baseline, dispatchesFor(warmUp.burstMs, fastest));
      calm = ms < (1 - warmUp.gain) * fastest ? 0 : calm + 1;
      fastest = Math.min(fastest, ms);
      const elapsed = performance.now() - start;
      if (elapsed >= warmUp.maxMs || (elapsed >= warmUp.minMs && calm >= warmUp.calmBursts)) return fastest;
    }
  }

  async #timeShortly(candidate: Candidate, baselineMs: number): Promise<number> {
    const count = dispatchesFor(this.#aim.shortMs, baselineMs);
    const first = await this.#time(candidate, count);
    return first > cutoffRatio * baselineMs ? first : Math.min(first, await this.#time(candidate, count));
  }

  /** @returns the candidates that compute what the default tile computes. */
  async #check(candidates: readonly Candidate[], baseline: Candidate): Promise<Candidate[]> {
    const { plan, rig } = this.#parts;
    const inputs = plan.inputsFor(checkedRows);
    this.#hooks.begin(undefined);
    const expected = await rig.outputs(baseline.kernels[0], inputs);
    const right: Candidate[] = [];
    for (const candidate of candidates) {
      const found = await this.#attempt(candidate, () => rig.outputs(candidate.kernels[0], inputs));
      if (found === undefined) continue;
      const isRight = expected.every((tensor, index) => this.#isNear(found[index] as Float32Array, tensor));
      if (isRight) right.push(candidate);
      else this.#hooks.refuse(candidate.tile, "it computes wrong numbers");
    }
    return right;
  }

  /** As the self-test judges: relative to the largest magnitude. */
  #isNear(found: Float32Array, expected: Float32Array): boolean {
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const bound = tolerances[this.#parts.plan.precision] * largest;
    // Not by `>`, which NaN would pass.
    return expected.every((value, index) => Math.abs((found[index] as number) - value) <= bound);
  }

  async #final(
    baseline: Candidate,
    candidates: readonly Candidate[],
    baselineMs: number,
  ): Promise<{ readonly baseline: MeasuredTile; readonly best: MeasuredTile }> {
    const count = dispatchesFor(this.#aim.longMs, baselineMs);
    const times = new Map<Candidate, number[]>([baseline, ...candidates].map((candidate) => [candidate, []]));
    for (let round = 0; round < rounds; round++) {
      for (const [candidate, own] of times) {
        if (own.length < round) continue;
        const ms = await this.#attempt(candidate, () => this.#time(candidate, count), candidate === baseline);
        if (ms !== undefined) own.push(ms);
      }
    }
    const measured = [...times]
      .filter(([, own]) => own.length === rounds)
      .map(([{ tile }, own]) => ({ tile, us: 1000 * medianOf(own) }));
    const [first, ...others] = measured as [MeasuredTile, ...MeasuredTile[]];
    const fastest = others.reduce((best, other) => (other.us < best.us ? other : best), first);
    return { baseline: first, best: fastest.us < (1 - minGain) * first.us ? fastest : first };
  }

  /** @returns `undefined` for a candidate with which it fails; that is told. A lost device is not survived. */
  async #attempt<T>(candidate: Candidate, attempt: () => Promise<T>, isUsual = false): Promise<T | undefined> {
    this.#hooks.begin(isUsual ? undefined : candidate.tile);
    try {
      return await attempt();
    } catch (error) {
      if (isUsual || error instanceof DeviceLostError || !(error instanceof EngineError)) throw error;
      this.#hooks.refuse(candidate.tile, messageOf(error));
      return undefined;
    }
  }

  #time({ kernels }: Candidate, count: number): Promise<number> {
    return this.#parts.rig.time(kernels, this.#inputs, count);
  }
}

const dispatchesFor = (aimMs: number, ms: number): number =>
  Math.min(maxDispatches, Math.max(1, Math.ceil(aimMs / Math.max(ms, 1e-4))));
