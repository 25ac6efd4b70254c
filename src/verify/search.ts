/**
 * The search for the smallest set of deviations that explains a segment.
 *
 * From two starts, nothing and every shortcut a kernel's author might take, deviations are added while one explains a
 * good part of what is left, and taken away while that costs nothing. A kernel with one fault is found from the first
 * start, one with six from the second, where the first step alone would help too little.
 *
 * A deviation is claimed only if the candidate moves by what the deviation predicts: the regression of (candidate −
 * prediction without it) on (prediction with it − prediction without it) must have slope 1, many standard errors away from
 * 0. Rounding errors are not correlated with any deviation, so they never look like one.
 *
 * Must stay true: a bounded number of evaluations; every claim was evaluated.
 */
import type { Program } from "../program/program.ts";
import type { Deviation } from "./deviations.ts";
import type { Problem } from "./problem.ts";

/** A deviation must explain at least this share of the squared error that is left. */
const leastShare = 0.05;
/** Standard errors the slope must be away from zero. */
const leastSignificance = 8;
/** How far the slope may be from one. */
const slopeTolerance = 0.5;
/** Effects below this many standard errors cannot be seen at all. */
const visibleSignificance = 4;

export interface SearchOptions {
  /** The most evaluations of the segment. */
  readonly maxRuns: number;
  readonly signal?: AbortSignal;
  readonly onRun?: () => void;
}

export interface Explanation {
  /** The smallest set that explains the segment, in order of application. */
  readonly deviations: readonly Deviation[];
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
  #runs = 0;

  constructor(problem: Problem, deviations: readonly Deviation[], options: SearchOptions) {
    this.#problem = problem;
    this.#options = options;
    this.#relevant = deviations.filter((deviation) => {
      const { program, stage } = problem.segment;
      return deviation.apply(program).outputs.get(stage) !== program.outputs.get(stage);
    });
  }

  async run(): Promise<Explanation> {
    const none: Subset = new Set();
    const original = await this.#output(none);
    const squaredError = this.#rest(original);
    let best = await this.#improve(none);
    if (squaredError > 0 && !(await this.#isSettled(best))) {
      const full = await this.#improve(fullSet(this.#relevant));
      if ((await this.#restOf(full)) < (1 - leastShare) * (await this.#restOf(best))) best = full;
    }
    best = await this.#onlySignificant(best);
    const output = await this.#output(best);
    return {
      deviations: this.#relevant.filter((deviation) => best.has(deviation)),
      squaredError,
      squaredRest: this.#rest(output),
      squaredNorm: sumOfSquares(output),
      ...(await this.#alternatives(best)),
      relevant: this.#relevant,
      runs: this.#runs,
    };
  }

  /** Adds and removes one deviation at a time until neither helps. */
  async #improve(start: Subset): Promise<Subset> {
    let current = await this.#shrink(start);
    for (;;) {
      const larger = await this.#grow(current);
      if (larger === undefined) return current;
      current = await this.#shrink(larger);
    }
  }

  /** The best set with one more (or, in a group, another) deviation; undefined when none explains enough. */
  async #grow(current: Subset): Promise<Subset | undefined> {
    const before = await this.#restOf(current);
    let best: Subset | undefined;
    let least = before * (1 - leastShare);
    for (const deviation of this.#relevant) {
      if (current.has(deviation) || this.#isSpent) continue;
      const next = withDeviation(current, deviation);
      const rest = await this.#restOf(next);
      if (rest < least && (await this.#isSignificant(next, deviation))) [best, least] = [next, rest];
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

  /** Whether what is left cannot come from any relevant deviation: all of it is noise next to what was explained. */
  async #isSettled(current: Subset): Promise<boolean> {
    const output = await this.#output(current);
    const relative = this.#rest(output) / sumOfSquares(output);
    return relative < 1e-5;
  }

  async #onlySignificant(set: Subset): Promise<Subset> {
    let kept = set;
    for (const deviation of set) {
      if (!(await this.#isSignificant(kept, deviation))) kept = withoutDeviation(kept, deviation);
    }
    return kept;
  }

  /** The regression of the module's opening paragraph, for one deviation of a set. */
  async #isSignificant(set: Subset, deviation: Deviation): Promise<boolean> {
    const { slope, significance } = await this.#effect(withoutDeviation(set, deviation), set);
    return Math.abs(slope - 1) <= slopeTolerance && significance >= leastSignificance;
  }

  async #effect(without: Subset, having: Subset): Promise<{ slope: number; significance: number }> {
    const [base, moved] = [await this.#output(without), await this.#output(having)];
    const { target, counted } = this.#problem;
    let [dot, norm] = [0, 0];
    for (let index = 0; index < target.length; index++) {
      const effect = (moved[index] as number) - (base[index] as number);
      dot += effect * ((target[index] as number) - (base[index] as number));
      norm += effect * effect;
    }
    if (norm === 0) return { slope: 0, significance: 0 };
    const noise = Math.sqrt(this.#rest(moved) / Math.max(1, counted));
    return { slope: dot / norm, significance: noise === 0 ? Number.POSITIVE_INFINITY : Math.sqrt(norm) / noise };
  }

  async #alternatives(best: Subset): Promise<Pick<Explanation, "equals" | "invisible">> {
    const equals = new Map<Deviation, Deviation[]>();
    const invisible: Deviation[] = [];
    const rest = await this.#restOf(best);
    for (const other of this.#relevant) {
      if (best.has(other) || this.#isSpent) continue;
      for (const member of best) {
        const exchanged = withDeviation(withoutDeviation(best, member), other);
        if ((await this.#restOf(exchanged)) <= rest * (1 + leastShare)) {
          equals.set(member, [...(equals.get(member) ?? []), other]);
        }
      }
      const { significance } = await this.#effect(best, withDeviation(best, other));
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
    const chosen = this.#relevant.filter((deviation) => set.has(deviation));
    const key = chosen.map(({ id }) => id).join();
    const known = this.#outputs.get(key);
    if (known !== undefined) return known;
    this.#options.signal?.throwIfAborted();
    const program = chosen.reduce<Program>((changed, { apply }) => apply(changed), this.#problem.segment.program);
    const output = await this.#problem.evaluate(program, this.#options.signal);
    this.#runs++;
    this.#options.onRun?.();
    this.#outputs.set(key, output);
    return output;
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

function sumOfSquares(values: Float64Array): number {
  return values.reduce((total, value) => total + value * value, 0);
}
