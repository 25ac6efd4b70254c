/**
 * Compares the candidates for one kernel and run size with the default tile: all are timed briefly, a shortlist is checked
 * and timed at length in alternating rounds, so that a change of the GPU's clock affects all of them alike.
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
  /** The kernel in the tile, and those timed with it. */
  readonly kernels: PlacedKernels;
}

export interface MeasuredTile {
  readonly tile: Tile;
  /** Microseconds per dispatch, including the kernels timed with it. */
  readonly us: number;
}

export interface TuningResult {
  readonly subject: TuningSubject;
  readonly size: TuningSize;
  readonly baseline: MeasuredTile;
  /** The default tile if none is faster. */
  readonly best: MeasuredTile;
}

export interface BenchmarkHooks {
  /** Called before the GPU computes in a tile; `undefined`: the default tile. Throws to stop the benchmark. */
  readonly begin: (tile: Tile | undefined) => void;
  /** Called after each candidate. */
  readonly advance: () => void;
  readonly refuse: (tile: Tile, reason: string) => void;
}

export interface BenchmarkSubject {
  readonly plan: TuningPlan;
  readonly subject: TuningSubject;
  readonly size: TuningSize;
  readonly rig: KernelRig;
}

/** Candidates timed at length, besides the default tile. */
const shortlistSize = 6;
const rounds = 7;
/** The total duration of a measurement's dispatches. Longer by the host's clock, which includes the host's own work. */
const byGpu = { shortMs: 1, longMs: 4 };
const byHost = { shortMs: 8, longMs: 30 };
const maxDispatches = 2000;
/**
 * Before a measurement the GPU computes until it no longer gets faster, so that it runs at its full clock: an idle NVIDIA H200
 * took most of a second, during which times came out up to three times too long.
 */
const warmUp = { minMs: 400, maxMs: 3000, burstMs: 25, gain: 0.02, steadyBursts: 5 };
/** The relative gain over the default tile that counts as faster, above the noise. */
const minGain = 0.01;
/** A candidate slower than the default tile by this factor is timed only once. */
const cutoffRatio = 3;
/** Tokens of the run that checks tiles: no multiple of any tile. */
export const checkedRows = 301;

export class Benchmark {
  readonly #subject: BenchmarkSubject;
  readonly #hooks: BenchmarkHooks;
  readonly #inputs: Inputs;
  readonly #targets: typeof byGpu;

  constructor(subject: BenchmarkSubject, hooks: BenchmarkHooks) {
    this.#subject = subject;
    this.#hooks = hooks;
    this.#inputs = subject.plan.inputsFor(subject.size.rows);
    this.#targets = subject.rig.hasClock ? byGpu : byHost;
  }

  /** @param candidates compiled, without the default tile. */
  async run(candidates: readonly Candidate[]): Promise<TuningResult> {
    const { plan, subject, size } = this.#subject;
    const baseline = { tile: size.defaultTile, kernels: lowerInTile(plan, subject, size.defaultTile) };
    this.#hooks.begin(undefined);
    const baselineMs = await this.#warmUp(baseline);
    const times: { readonly candidate: Candidate; readonly ms: number }[] = [];
    for (const candidate of candidates) {
      const ms = await this.#attempt(candidate, () => this.#timeBriefly(candidate, baselineMs));
      if (ms !== undefined) times.push({ candidate, ms });
      this.#hooks.advance();
    }
    times.sort((a, b) => a.ms - b.ms);
    const shortlist = times.slice(0, shortlistSize).map(({ candidate }) => candidate);
    const correct = await this.#check(shortlist, baseline);
    return { subject, size, ...(await this.#final(baseline, correct, baselineMs)) };
  }

  /** @returns the default tile's milliseconds per dispatch. */
  async #warmUp(baseline: Candidate): Promise<number> {
    const start = performance.now();
    let fastest = await this.#time(baseline, 1);
    let steady = 0;
    for (;;) {
      const ms = await this.#time(baseline, dispatchesFor(warmUp.burstMs, fastest));
      steady = ms < (1 - warmUp.gain) * fastest ? 0 : steady + 1;
      fastest = Math.min(fastest, ms);
      const elapsed = performance.now() - start;
      if (elapsed >= warmUp.maxMs || (elapsed >= warmUp.minMs && steady >= warmUp.steadyBursts)) return fastest;
    }
  }

  async #timeBriefly(candidate: Candidate, baselineMs: number): Promise<number> {
    const count = dispatchesFor(this.#targets.shortMs, baselineMs);
    const first = await this.#time(candidate, count);
    return first > cutoffRatio * baselineMs ? first : Math.min(first, await this.#time(candidate, count));
  }

  /** @returns the candidates whose results match the default tile's. */
  async #check(candidates: readonly Candidate[], baseline: Candidate): Promise<Candidate[]> {
    const { plan, rig } = this.#subject;
    const inputs = plan.inputsFor(checkedRows);
    this.#hooks.begin(undefined);
    const expected = await rig.outputs(baseline.kernels[0], inputs);
    const correct: Candidate[] = [];
    for (const candidate of candidates) {
      const found = await this.#attempt(candidate, () => rig.outputs(candidate.kernels[0], inputs));
      if (found === undefined) continue;
      const isCorrect = expected.every((tensor, index) => this.#isNear(found[index] as Float32Array, tensor));
      if (isCorrect) correct.push(candidate);
      else this.#hooks.refuse(candidate.tile, "it computes wrong numbers");
    }
    return correct;
  }

  /** The self-test's criterion: relative to the largest magnitude. */
  #isNear(found: Float32Array, expected: Float32Array): boolean {
    const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const bound = tolerances[this.#subject.plan.precision] * largest;
    // Not `>`, which is false for NaN.
    return expected.every((value, index) => Math.abs((found[index] as number) - value) <= bound);
  }

  async #final(
    baseline: Candidate,
    candidates: readonly Candidate[],
    baselineMs: number,
  ): Promise<Pick<TuningResult, "baseline" | "best">> {
    const count = dispatchesFor(this.#targets.longMs, baselineMs);
    const times = new Map<Candidate, number[]>([baseline, ...candidates].map((candidate) => [candidate, []]));
    for (let round = 0; round < rounds; round++) {
      for (const [candidate, samples] of times) {
        if (samples.length < round) continue;
        const ms = await this.#attempt(candidate, () => this.#time(candidate, count), candidate === baseline);
        if (ms !== undefined) samples.push(ms);
      }
    }
    const measured = [...times]
      .filter(([, samples]) => samples.length === rounds)
      .map(([{ tile }, samples]) => ({ tile, us: 1000 * medianOf(samples) }));
    const [first, ...others] = measured as [MeasuredTile, ...MeasuredTile[]];
    const fastest = others.reduce((best, other) => (other.us < best.us ? other : best), first);
    return { baseline: first, best: fastest.us < (1 - minGain) * first.us ? fastest : first };
  }

  /** @returns `undefined` if the candidate fails, which is reported. @throws DeviceLostError, or if the default tile fails. */
  async #attempt<T>(candidate: Candidate, attempt: () => Promise<T>, isDefault = false): Promise<T | undefined> {
    this.#hooks.begin(isDefault ? undefined : candidate.tile);
    try {
      return await attempt();
    } catch (error) {
      if (isDefault || error instanceof DeviceLostError || !(error instanceof EngineError)) throw error;
      this.#hooks.refuse(candidate.tile, messageOf(error));
      return undefined;
    }
  }

  #time({ kernels }: Candidate, count: number): Promise<number> {
    return this.#subject.rig.time(kernels, this.#inputs, count);
  }
}

const dispatchesFor = (targetMs: number, ms: number): number =>
  Math.min(maxDispatches, Math.max(1, Math.ceil(targetMs / Math.max(ms, 1e-4))));
