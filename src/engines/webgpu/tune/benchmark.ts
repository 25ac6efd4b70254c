/**
 * The candidates for one kernel at one size of runs, against the usual tile: each timed shortly, the best few checked and
 * timed at length in turns, so that a change of the GPU's clock meets all of them.
 */

import { EngineError, messageOf } from "../../../errors.ts";
import { medianOf } from "../../../format/median.ts";
import { DeviceLostError } from "../device/device-health.ts";
import type { Tile } from "../plan/choose-tile.ts";
import { tolerances } from "../run/self-test.ts";
import { lowerInTile, type TuningPlan, type TuningSize, type TuningSubject } from "./plan.ts";
import type { Inputs, KernelRig, PlacedKernels } from "./time-kernel.ts";

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
  readonly usual: MeasuredTile;
  /** The usual one where none is faster. */
  readonly best: MeasuredTile;
}

export interface ContestHooks {
  /** The GPU is about to compute in a tile; `undefined` for the usual one. Throws if there is to be no more. */
  readonly begin: (tile: Tile | undefined) => void;
  /** A candidate is done with. */
  readonly advance: () => void;
  readonly refuse: (tile: Tile, reason: string) => void;
}

export interface ContestParts {
  readonly plan: TuningPlan;
  readonly subject: TuningSubject;
  readonly size: TuningSize;
  readonly rig: KernelRig;
}

/** Timed at length, besides the usual tile. */
const finalists = 6;
const rounds = 7;
/** What all dispatches of a measurement are to take together. The host's clock also shows what it does itself. */
const byGpu = { shortMs: 1, longMs: 4 };
const byHost = { shortMs: 8, longMs: 30 };
const mostDispatches = 2000;
/**
 * Before a kernel is measured the GPU computes until it is no longer getting faster, so that it has its full clock: an NVIDIA
 * H200 that was idle took most of a second, and what was measured in it came out up to three times too slow.
 */
const warmUp = { leastMs: 400, mostMs: 3000, burstMs: 25, gain: 0.02, calmBursts: 5 };
/** By how much a tile has to be faster than the usual one, so that it is no accident. */
const leastGain = 0.01;
/** A candidate so many times slower than the usual tile is not looked at twice. */
const hopeless = 3;
/** Tokens of the run by which tiles are checked: no multiple of any tile. */
export const checkedRows = 301;

export class Contest {
  readonly #parts: ContestParts;
  readonly #hooks: ContestHooks;
  readonly #inputs: Inputs;
  readonly #aim: typeof byGpu;

  constructor(parts: ContestParts, hooks: ContestHooks) {
    this.#parts = parts;
    this.#hooks = hooks;
    this.#inputs = parts.plan.inputsFor(parts.size.rows);
    this.#aim = parts.rig.hasClock ? byGpu : byHost;
  }

  /** @param candidates that were compiled; the usual tile is not among them. */
  async run(candidates: readonly Candidate[]): Promise<TuningResult> {
    const { plan, subject, size } = this.#parts;
    const usual = { tile: size.usual, kernels: lowerInTile(plan, subject, size.usual) };
    this.#hooks.begin(undefined);
    const usualMs = await this.#warmUp(usual);
    const times: { readonly candidate: Candidate; readonly ms: number }[] = [];
    for (const candidate of candidates) {
      const ms = await this.#attempt(candidate, () => this.#timeShortly(candidate, usualMs));
      if (ms !== undefined) times.push({ candidate, ms });
      this.#hooks.advance();
    }
    const fastest = times.sort((a, b) => a.ms - b.ms).slice(0, finalists);
    const right = await this.#check(
      fastest.map(({ candidate }) => candidate),
      usual,
    );
    return { subject, size, ...(await this.#final(usual, right, usualMs)) };
  }

  /** @returns milliseconds of the kernel in the usual tile, and of those that are timed with it. */
  async #warmUp(usual: Candidate): Promise<number> {
    const start = performance.now();
    let fastest = await this.#time(usual, 1);
    let calm = 0;
    for (;;) {
      const ms = await this.#time(usual, dispatchesFor(warmUp.burstMs, fastest));
      calm = ms < (1 - warmUp.gain) * fastest ? 0 : calm + 1;
      fastest = Math.min(fastest, ms);
      const elapsed = performance.now() - start;
      if (elapsed >= warmUp.mostMs || (elapsed >= warmUp.leastMs && calm >= warmUp.calmBursts)) return fastest;
    }
  }

  async #timeShortly(candidate: Candidate, usualMs: number): Promise<number> {
    const count = dispatchesFor(this.#aim.shortMs, usualMs);
    const first = await this.#time(candidate, count);
    return first > hopeless * usualMs ? first : Math.min(first, await this.#time(candidate, count));
  }

  /** @returns the candidates that compute what the usual tile computes. */
  async #check(candidates: readonly Candidate[], usual: Candidate): Promise<Candidate[]> {
    const { plan, rig } = this.#parts;
    const inputs = plan.inputsFor(checkedRows);
    this.#hooks.begin(undefined);
    const expected = await rig.outputs(usual.kernels[0], inputs);
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
    usual: Candidate,
    candidates: readonly Candidate[],
    usualMs: number,
  ): Promise<{ readonly usual: MeasuredTile; readonly best: MeasuredTile }> {
    const count = dispatchesFor(this.#aim.longMs, usualMs);
    const times = new Map<Candidate, number[]>([usual, ...candidates].map((candidate) => [candidate, []]));
    for (let round = 0; round < rounds; round++) {
      for (const [candidate, own] of times) {
        if (own.length < round) continue;
        const ms = await this.#attempt(candidate, () => this.#time(candidate, count), candidate === usual);
        if (ms !== undefined) own.push(ms);
      }
    }
    const measured = [...times]
      .filter(([, own]) => own.length === rounds)
      .map(([{ tile }, own]) => ({ tile, us: 1000 * medianOf(own) }));
    const [first, ...others] = measured as [MeasuredTile, ...MeasuredTile[]];
    const fastest = others.reduce((best, other) => (other.us < best.us ? other : best), first);
    return { usual: first, best: fastest.us < (1 - leastGain) * first.us ? fastest : first };
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
  Math.min(mostDispatches, Math.max(1, Math.ceil(aimMs / Math.max(ms, 1e-4))));
