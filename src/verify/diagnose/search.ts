/**
 * The search for the smallest set of deviations that explains a segment.
 *
 * From two starts, nothing and every shortcut a kernel's author might take, deviations are added while one explains a
 * good part of what is left, and taken away while that costs nothing. A kernel with one fault is found from the first
 * start, one with six from the second, where the first step alone would help too little.
 *
 * A deviation is claimed only if the candidate moves by what the deviation predicts: the regression of (candidate −
 * prediction without it) on (prediction with it − prediction without it) must have slope 1, many standard errors away from
 * 0. The noise of that regression is what rounding does: independent errors, which are not correlated with any deviation,
 * and gains of about a unit roundoff on each stored stage, which may be (`Problem.gains`).
 *
 * Must stay true: a bounded number of evaluations; every claim was evaluated.
 */

import type { Deviation } from "../../architectures/bert/deviations.ts";
import type { Program } from "../../program/program.ts";
import { type Noise, noiseOf, regress } from "./regression.ts";
import type { Problem } from "./segment-fit.ts";

/** A deviation must explain at least this share of the squared error that is left. */
const leastShare = 0.05;
/** Beside something unknown a deviation must explain this share of what is left without it. */
const nearlyAll = 0.9;
/** Standard errors the slope must be away from zero. */
const leastSignificance = 8;
/** The slope must be this much while other deviations are still to be found: they can make it anything above. */
const leastSlope = 0.5;
/** How far from one it may be in the end, beside two standard errors. */
const slopeTolerance = 0.25;
/** Pairs are tried where there are at most this many hypotheses; beyond that only of those that scramble. */
const mostForPairs = 14;
/** Effects below this many standard errors cannot be seen at all. */
const visibleSignificance = 4;

export interface SearchOptions {
  /** The most evaluations of the segment. */
  readonly maxRuns: number;
  /** Squared relative error that is nothing but rounding: whatever reaches it needs no further search. */
  readonly rounding: number;
  /** A set to try first, beside the two starts. */
  readonly start?: readonly Deviation[];
  readonly signal?: AbortSignal;
  readonly onRun?: () => void;
}

export interface Explanation {
  /** The smallest set that explains the segment, in order of application. */
  readonly deviations: readonly Deviation[];
  /** The same with those that help, but are not certain yet. */
  readonly tentative: readonly Deviation[];
  /** Those of them that stand out even if something unknown is wrong beside them. */
  readonly evident: readonly Deviation[];
  /** Σ (candidate − original)² over the elements that count. */
  readonly squaredError: number;
  /** The same under the deviations. */
  readonly squaredRest: number;
  /** Σ original² under the deviations: what the rest is relative to. */
  readonly squaredNorm: number;
  /** Deviations that would explain it just as well in place of one of the set: [the one, its equals]. */
  readonly equals: ReadonlyMap<Deviation, readonly Deviation[]>;
  /** Deviations that concern this segment at all. */
  readonly relevant: readonly Deviation[];
  /** Deviations that make no visible difference here, beside the set. */
  readonly invisible: readonly Deviation[];
  readonly runs: number;
}

export async function explain(
  problem: Problem,
  deviations: readonly Deviation[],
  options: SearchOptions,
): Promise<Explanation> {
  return new Search(problem, deviations, options).run();
}

type Subset = ReadonlySet<Deviation>;

class Search {
  readonly #problem: Problem;
  readonly #options: SearchOptions;
  readonly #relevant: readonly Deviation[];
  readonly #outputs = new Map<string, Float64Array>();
  readonly #noises = new Map<Subset, Noise>();
  #runs = 0;

  constructor(problem: Problem, deviations: readonly Deviation[], options: SearchOptions) {
    this.#problem = problem;
    this.#options = options;
    const changes = (...applied: Deviation[]) => this.#effective(applied).length === applied.length;
    const alone = deviations.filter((deviation) => changes(deviation));
    // What a deviation puts into a segment, another may change: pre-norm a LayerNorm before the query.
    this.#relevant = deviations.filter((deviation) => {
      return alone.includes(deviation) || alone.some((first) => changes(first, deviation));
    });
  }

  /** Those that change the segment, of deviations applied one after the other. */
  #effective(applied: readonly Deviation[]): Deviation[] {
    const { program, stage } = this.#problem.segment;
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

  /** The best of what is reached from each start; the later ones are for what the first does not settle. */
  async #search(squaredError: number): Promise<Subset> {
    const { start = [] } = this.#options;
    const none: Subset = new Set();
    const starts = [...(start.length > 0 ? [start.reduce(withDeviation, none)] : []), none, fullSet(this.#relevant)];
    let best = none;
    if (squaredError === 0) return best;
    for (const from of starts) {
      const reached = await this.#improve(from);
      if ((await this.#restOf(reached)) < (1 - leastShare) * (await this.#restOf(best))) best = reached;
      if (await this.#isSettled(best)) break;
    }
    return best;
  }

  /** Adds and removes one deviation at a time until neither helps, two at a time where that leaves something. */
  async #improve(start: Subset): Promise<Subset> {
    let current = await this.#shrink(start);
    for (;;) {
      const larger = (await this.#grow(current)) ?? (await this.#growByTwo(current));
      if (larger === undefined) return current;
      current = await this.#shrink(larger);
    }
  }

  /** The best set with one more (or, in a group, another) deviation; undefined when none explains enough. */
  async #grow(current: Subset): Promise<Subset | undefined> {
    return this.#bestOf(
      current,
      this.#relevant.filter((deviation) => !current.has(deviation)).map((deviation) => [deviation]),
    );
  }

  /** With two more: of two things that hide each other, neither helps alone. */
  async #growByTwo(current: Subset): Promise<Subset | undefined> {
    if (await this.#isSettled(current)) return undefined;
    const left = this.#relevant.filter((deviation) => !current.has(deviation));
    const candidates = left.length <= mostForPairs ? left : left.filter(({ scrambles }) => scrambles);
    const pairs = candidates.flatMap((first, index) => candidates.slice(index + 1).map((second) => [first, second]));
    return this.#bestOf(current, pairs);
  }

  async #bestOf(current: Subset, additions: readonly (readonly Deviation[])[]): Promise<Subset | undefined> {
    let best: Subset | undefined;
    let least = (await this.#restOf(current)) * (1 - leastShare);
    for (const added of additions) {
      if (this.#isSpent) break;
      const next = added.reduce(withDeviation, current);
      const rest = await this.#restOf(next);
      if (rest < least && (await this.#areSignificant(next, added))) [best, least] = [next, rest];
    }
    return best;
  }

  /** Without every deviation whose absence costs nothing. */
  async #shrink(current: Subset): Promise<Subset> {
    let kept = current;
    for (const deviation of current) {
      if (this.#isSpent) break;
      const without = withoutDeviation(kept, deviation);
      const [rest, restWithout] = [await this.#restOf(kept), await this.#restOf(without)];
      if (restWithout <= rest / (1 - leastShare)) kept = without;
    }
    return kept;
  }

  /** Whether what is left is rounding. */
  async #isSettled(current: Subset): Promise<boolean> {
    const output = await this.#output(current);
    return this.#rest(output) <= this.#options.rounding * sumOfSquares(output);
  }

  /** Without those that what rounding does would explain as well, given the others; the least significant goes first. */
  async #onlySignificant(set: Subset): Promise<Subset> {
    let least = Number.POSITIVE_INFINITY;
    let worst: Deviation | undefined;
    for (const deviation of set) {
      const { slope, significance } = await this.#effect(withoutDeviation(set, deviation), set, await this.#noise(set));
      const isCertain = significance >= leastSignificance && Math.abs(slope - 1) <= slopeTolerance + 2 / significance;
      if (!isCertain && significance < least) [worst, least] = [deviation, significance];
    }
    return worst === undefined ? set : this.#onlySignificant(withoutDeviation(set, worst));
  }

  /** The largest part of a set without any of which nearly all of the error would come back, the rest being unknown. */
  async #evidentOf(set: Subset): Promise<Subset> {
    const rest = await this.#restOf(set);
    for (const deviation of set) {
      const without = withoutDeviation(set, deviation);
      if (rest > (1 - nearlyAll) * (await this.#restOf(without))) return this.#evidentOf(without);
    }
    return set;
  }

  /** The regression of the module's opening paragraph, for some of a set, as if there were no drifts. */
  async #areSignificant(set: Subset, added: readonly Deviation[]): Promise<boolean> {
    const noise = noiseOf(await this.#deviationUnder(set), []);
    for (const deviation of added) {
      const { slope, significance } = await this.#effect(withoutDeviation(set, deviation), set, noise);
      if (slope < leastSlope || significance < leastSignificance) return false;
    }
    return true;
  }

  async #effect(without: Subset, having: Subset, noise: Noise): Promise<{ slope: number; significance: number }> {
    const [base, moved] = [await this.#output(without), await this.#output(having)];
    const { target } = this.#problem;
    return regress(difference(moved, base), difference(target, base), noise);
  }

  /** Root mean square of what a set leaves. */
  async #deviationUnder(set: Subset): Promise<number> {
    return Math.sqrt((await this.#restOf(set)) / Math.max(1, this.#problem.counted));
  }

  async #noise(set: Subset): Promise<Noise> {
    const known = this.#noises.get(set);
    if (known !== undefined) return known;
    const base = await this.#output(set);
    const drifts: Float64Array[] = [];
    for (const program of this.#problem.gains(this.#programOf(set))) {
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
        if ((await this.#restOf(exchanged)) <= rest * (1 + leastShare)) {
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
    const { target } = this.#problem;
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
    return this.#problem.evaluate(program, signal);
  }

  #programOf(set: Subset): Program {
    return this.#effectiveOf(set).reduce<Program>(
      (changed, { apply }) => apply(changed),
      this.#problem.segment.program,
    );
  }

  #effectiveOf(set: Subset): readonly Deviation[] {
    return this.#effective(this.#relevant.filter((deviation) => set.has(deviation)));
  }
}

/** Every shortcut, one of each group. */
function fullSet(relevant: readonly Deviation[]): Subset {
  return relevant
    .filter(({ simplification }) => simplification)
    .reduce<Subset>((set, deviation) => withDeviation(set, deviation), new Set());
}

/** The set with a deviation, without the others of its group. */
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

function sumOfSquares(values: Float64Array): number {
  return values.reduce((total, value) => total + value * value, 0);
}
