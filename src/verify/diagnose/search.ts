/**
 * Searches the smallest set of deviations that explains a segment.
 *
 * From two starts, the empty set and every shortcut that a kernel's author might take, deviations are added while one
 * explains enough of the remaining error, and removed while that costs nothing. The first start finds a kernel with one
 * fault, the second one with six, of which each alone helps too little.
 *
 * A deviation is claimed only if the candidate moves as the deviation predicts: the regression of (candidate − prediction
 * without it) on (prediction with it − prediction without it) must have slope 1, many standard errors away from 0. The noise
 * of that regression is rounding: independent errors, which do not correlate with any deviation, and gains of about a unit
 * roundoff on each stored stage, which may (`SegmentFit.gains`).
 *
 * Must stay true: the number of evaluations is bounded; every claim was evaluated.
 */

import type { Deviation } from "../../architectures/deviations.ts";
import type { Program } from "../../program/program.ts";
import { applyAll } from "../candidate/candidate.ts";
import { type Noise, noiseOf, regress } from "./regression.ts";
import type { SegmentFit } from "./segment-fit.ts";
import { sumOfSquares } from "./squares.ts";

/** A deviation must explain at least this share of the remaining squared error. */
const minShare = 0.05;
/** If an unknown error remains, a deviation must explain this share of the error without it. */
const nearlyAll = 0.9;
/** Minimum distance of the slope from zero, in standard errors. */
const minSignificance = 8;
/** Minimum slope during the search: deviations not found yet can only increase it. */
const minSlope = 0.5;
/** Maximum distance of the final slope from one, plus two standard errors. */
const slopeTolerance = 0.25;
/** Maximum number of hypotheses of which all pairs are tried; with more, only pairs of those that scramble. */
const maxForPairs = 14;
/** Effects below this many standard errors are invisible. */
const visibleSignificance = 4;

export interface SearchOptions {
  /** Maximum number of evaluations of the segment. */
  readonly maxRuns: number;
  /** Squared relative error of rounding alone, at which the search stops. */
  readonly rounding: number;
  /** A set to try before the two starts. */
  readonly start?: readonly Deviation[];
  readonly signal?: AbortSignal;
  readonly onRun?: () => void;
}

export interface Explanation {
  /** The smallest set that explains the segment, in order of application. */
  readonly deviations: readonly Deviation[];
  /** `deviations` and others that help, but are not significant. */
  readonly tentative: readonly Deviation[];
  /** Those of `deviations` that are certain even if an unknown error remains. */
  readonly evident: readonly Deviation[];
  /** Σ (candidate − original)² over the compared elements. */
  readonly squaredError: number;
  /** The same with the deviations applied. */
  readonly squaredRest: number;
  /** Σ original² with the deviations applied, which `squaredRest` is relative to. */
  readonly squaredNorm: number;
  /** For each deviation of the set, those that would explain the segment as well in its place. */
  readonly equals: ReadonlyMap<Deviation, readonly Deviation[]>;
  /** Deviations that apply to this segment. */
  readonly relevant: readonly Deviation[];
  /** Deviations that, added to the set, make no visible difference. */
  readonly invisible: readonly Deviation[];
  readonly runs: number;
}

export async function explain(
  fit: SegmentFit,
  deviations: readonly Deviation[],
  options: SearchOptions,
): Promise<Explanation> {
  return new Search(fit, deviations, options).run();
}

type Subset = ReadonlySet<Deviation>;

class Search {
  readonly #fit: SegmentFit;
  readonly #options: SearchOptions;
  readonly #relevant: readonly Deviation[];
  readonly #outputs = new Map<string, Float64Array>();
  readonly #noises = new Map<Subset, Noise>();
  #runs = 0;

  constructor(fit: SegmentFit, deviations: readonly Deviation[], options: SearchOptions) {
    this.#fit = fit;
    this.#options = options;
    const changes = (...applied: Deviation[]) => this.#effective(applied).length === applied.length;
    const alone = deviations.filter((deviation) => changes(deviation));
    // A deviation may apply only after another: pre-norm adds a LayerNorm to the query's segment.
    this.#relevant = deviations.filter((deviation) => {
      return alone.includes(deviation) || alone.some((first) => changes(first, deviation));
    });
  }

  /** The deviations that change the segment when all are applied in order. */
  #effective(applied: readonly Deviation[]): Deviation[] {
    const { program, stage } = this.#fit.segment;
    let changed = program;
    return applied.filter(({ apply }) => {
      const before = changed.outputs.get(stage);
      changed = apply(changed);
      return changed.outputs.get(stage) !== before;
    });
  }

  async run(): Promise<Explanation> {
    const original = await this.#output(new Set());
    const squaredError = this.#rest(original);
    const tentative = await this.#search(squaredError);
    const best = await this.#onlySignificant(tentative);
    const output = await this.#output(best);
    return {
      deviations: this.#relevant.filter((deviation) => best.has(deviation)),
      tentative: this.#relevant.filter((deviation) => tentative.has(deviation)),
      evident: [...(await this.#evidentOf(best))],
      squaredError,
      squaredRest: this.#rest(output),
      squaredNorm: sumOfSquares(output),
      ...(await this.#alternatives(best)),
      relevant: this.#relevant.filter((deviation) => {
        return this.#effectiveOf(withDeviation(best, deviation)).includes(deviation);
      }),
      runs: this.#runs,
    };
  }

  /** The best set reached from any start; later starts are tried only if an error remains. */
  async #search(squaredError: number): Promise<Subset> {
    const { start = [] } = this.#options;
    const none: Subset = new Set();
    const starts = [...(start.length > 0 ? [start.reduce(withDeviation, none)] : []), none, fullSet(this.#relevant)];
    let best = none;
    if (squaredError === 0) return best;
    for (const from of starts) {
      const reached = await this.#improve(from);
      if ((await this.#restOf(reached)) < (1 - minShare) * (await this.#restOf(best))) best = reached;
      if (await this.#isSettled(best)) break;
    }
    return best;
  }

  /** Adds and removes one deviation at a time until neither helps, and adds two at a time if an error remains. */
  async #improve(start: Subset): Promise<Subset> {
    let current = await this.#shrink(start);
    for (;;) {
      const larger = (await this.#grow(current)) ?? (await this.#growByTwo(current));
      if (larger === undefined) return current;
      current = await this.#shrink(larger);
    }
  }

  /** The best set with one more deviation, or another one of its group; undefined if none explains enough. */
  async #grow(current: Subset): Promise<Subset | undefined> {
    return this.#bestOf(
      current,
      this.#relevant.filter((deviation) => !current.has(deviation)).map((deviation) => [deviation]),
    );
  }

  /** With two more deviations, because two that hide each other do not help alone. */
  async #growByTwo(current: Subset): Promise<Subset | undefined> {
    if (await this.#isSettled(current)) return undefined;
    const unused = this.#relevant.filter((deviation) => !current.has(deviation));
    const candidates = unused.length <= maxForPairs ? unused : unused.filter(({ scrambles }) => scrambles);
    const pairs = candidates.flatMap((first, index) => candidates.slice(index + 1).map((second) => [first, second]));
    return this.#bestOf(current, pairs);
  }

  async #bestOf(current: Subset, additions: readonly (readonly Deviation[])[]): Promise<Subset | undefined> {
    let best: Subset | undefined;
    let minimum = (await this.#restOf(current)) * (1 - minShare);
    for (const added of additions) {
      if (this.#isSpent) break;
      const next = added.reduce(withDeviation, current);
      const rest = await this.#restOf(next);
      if (rest < minimum && (await this.#areSignificant(next, added))) [best, minimum] = [next, rest];
    }
    return best;
  }

  /** Removes every deviation whose absence costs nothing. */
  async #shrink(current: Subset): Promise<Subset> {
    let kept = current;
    for (const deviation of current) {
      if (this.#isSpent) break;
      const without = withoutDeviation(kept, deviation);
      const [rest, restWithout] = [await this.#restOf(kept), await this.#restOf(without)];
      if (restWithout <= rest / (1 - minShare)) kept = without;
    }
    return kept;
  }

  /** Whether the remaining error is rounding. */
  async #isSettled(current: Subset): Promise<boolean> {
    const output = await this.#output(current);
    return this.#rest(output) <= this.#options.rounding * sumOfSquares(output);
  }

  /** Removes deviations that rounding explains as well, given the others; the least significant one first. */
  async #onlySignificant(set: Subset): Promise<Subset> {
    let minimum = Number.POSITIVE_INFINITY;
    let worst: Deviation | undefined;
    for (const deviation of set) {
      const { slope, significance } = await this.#effect(withoutDeviation(set, deviation), set, await this.#noise(set));
      const isCertain = significance >= minSignificance && Math.abs(slope - 1) <= slopeTolerance + 2 / significance;
      if (!isCertain && significance < minimum) [worst, minimum] = [deviation, significance];
    }
    return worst === undefined ? set : this.#onlySignificant(withoutDeviation(set, worst));
  }

  /** The largest subset in which the removal of any deviation would restore nearly all of the error. */
  async #evidentOf(set: Subset): Promise<Subset> {
    const rest = await this.#restOf(set);
    for (const deviation of set) {
      const without = withoutDeviation(set, deviation);
      if (rest > (1 - nearlyAll) * (await this.#restOf(without))) return this.#evidentOf(without);
    }
    return set;
  }

  /** The module's regression for the added deviations of a set, without drifts. */
  async #areSignificant(set: Subset, added: readonly Deviation[]): Promise<boolean> {
    const noise = noiseOf(await this.#deviationUnder(set), []);
    for (const deviation of added) {
      const { slope, significance } = await this.#effect(withoutDeviation(set, deviation), set, noise);
      if (slope < minSlope || significance < minSignificance) return false;
    }
    return true;
  }

  async #effect(without: Subset, having: Subset, noise: Noise): Promise<{ slope: number; significance: number }> {
    const [base, moved] = [await this.#output(without), await this.#output(having)];
    const { target } = this.#fit;
    return regress(difference(moved, base), difference(target, base), noise);
  }

  /** Root mean square of the error that remains with a set. */
  async #deviationUnder(set: Subset): Promise<number> {
    return Math.sqrt((await this.#restOf(set)) / Math.max(1, this.#fit.counted));
  }

  async #noise(set: Subset): Promise<Noise> {
    const known = this.#noises.get(set);
    if (known !== undefined) return known;
    const base = await this.#output(set);
    const drifts: Float64Array[] = [];
    for (const program of this.#fit.gains(this.#programOf(set))) {
      drifts.push(difference(await this.#evaluate(program), base));
    }
    const noise = noiseOf(await this.#deviationUnder(set), drifts);
    this.#noises.set(set, noise);
    return noise;
  }

  async #alternatives(best: Subset): Promise<Pick<Explanation, "equals" | "invisible">> {
    const equals = new Map<Deviation, Deviation[]>();
    const invisible: Deviation[] = [];
    const rest = await this.#restOf(best);
    const noise = await this.#noise(best);
    for (const other of this.#relevant) {
      if (best.has(other) || this.#isSpent) continue;
      for (const member of best) {
        const exchanged = withDeviation(withoutDeviation(best, member), other);
        if ((await this.#restOf(exchanged)) <= rest * (1 + minShare)) {
          equals.set(member, [...(equals.get(member) ?? []), other]);
        }
      }
      const { significance } = await this.#effect(best, withDeviation(best, other), noise);
      if (significance < visibleSignificance) invisible.push(other);
    }
    return { equals, invisible };
  }

  get #isSpent(): boolean {
    return this.#runs >= this.#options.maxRuns;
  }

  async #restOf(set: Subset): Promise<number> {
    return this.#rest(await this.#output(set));
  }

  #rest(output: Float64Array): number {
    const { target } = this.#fit;
    let total = 0;
    for (let index = 0; index < target.length; index++) {
      const difference = (target[index] as number) - (output[index] as number);
      total += difference * difference;
    }
    return Number.isNaN(total) ? Number.POSITIVE_INFINITY : total;
  }

  async #output(set: Subset): Promise<Float64Array> {
    const key = this.#effectiveOf(set)
      .map(({ id }) => id)
      .join();
    const known = this.#outputs.get(key);
    if (known !== undefined) return known;
    const output = await this.#evaluate(this.#programOf(set));
    this.#outputs.set(key, output);
    return output;
  }

  async #evaluate(program: Program): Promise<Float64Array> {
    const { signal, onRun } = this.#options;
    signal?.throwIfAborted();
    this.#runs++;
    onRun?.();
    return this.#fit.evaluate(program, signal);
  }

  #programOf(set: Subset): Program {
    return applyAll(this.#fit.segment.program, this.#effectiveOf(set));
  }

  #effectiveOf(set: Subset): readonly Deviation[] {
    return this.#effective(this.#relevant.filter((deviation) => set.has(deviation)));
  }
}

/** All simplifications, at most one of each group. */
function fullSet(relevant: readonly Deviation[]): Subset {
  return relevant
    .filter(({ simplification }) => simplification)
    .reduce<Subset>((set, deviation) => withDeviation(set, deviation), new Set());
}

/** Adds a deviation, and removes others of its group. */
function withDeviation(set: Subset, deviation: Deviation): Subset {
  const kept = [...set].filter(({ group }) => group === undefined || group !== deviation.group);
  return new Set([...kept, deviation]);
}

function withoutDeviation(set: Subset, deviation: Deviation): Subset {
  return new Set([...set].filter((member) => member !== deviation));
}

function difference(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, index) => value - (b[index] as number));
}
