/**
 * The diagnosis: what a candidate does differently, from the stages it computed.
 *
 * Each segment between dumped stages is searched on its own (`search.ts`); what was found is put together, said in words,
 * and what could not be seen is said too.
 *
 * Must stay true: a cause is claimed only where it brings its segment down to rounding, or explains nearly all of its
 * error; where nothing does, the stage is called unexplained.
 */
import { applyAll } from "./candidate.ts";
import { type Deviation, deviationsOf, scale } from "./deviations.ts";
import type { Precision } from "./precision.ts";
import { Problem, type ProblemData } from "./problem.ts";
import type { Cause, DiagnosisReport } from "./report.ts";
import { type Explanation, explain } from "./search.ts";
import { type Segment, segmentsOf } from "./segments.ts";
import { describeDiagnosis } from "./sentences.ts";
import type { Subject } from "./subject.ts";

export interface DiagnoseOptions {
  readonly precision: Precision;
  /** Relative L2 error that rounding alone causes in the segment that ends at a stage. */
  readonly budgets: ReadonlyMap<string, number>;
  /** The largest ratio over the budget that still counts as rounding. */
  readonly limit: number;
  /** The most evaluations of hypotheses a segment may take. */
  readonly maxRuns?: number;
  readonly signal?: AbortSignal | undefined;
  /** Told the evaluations done so far. */
  readonly onRun?: ((runs: number) => void) | undefined;
}

export interface Diagnosis {
  readonly report: DiagnosisReport;
  /** The deviations found, in order of application. */
  readonly deviations: readonly Deviation[];
}

/** Enough for both starts of a search with every hypothesis, several times over. */
const defaultMaxRuns = 500;
/** A segment that does not come down to rounding may still name causes that explain this share of its error. */
const nearlyAll = 0.9;

export async function diagnose(subject: Subject, data: ProblemData, options: DiagnoseOptions): Promise<Diagnosis> {
  const { config, layer } = subject;
  const { segments } = segmentsOf(config, layer, new Set(data.stages.keys()), data.inputs !== undefined);
  const findings: Finding[] = [];
  let runs = 0;
  for (const segment of segments) {
    const problem = new Problem(segment, data);
    const finding = await examine(subject, problem, {
      ...options,
      onRun: () => options.onRun?.(++runs),
    });
    findings.push(finding);
  }
  return putTogether(deviationsOf(config, layer), findings, options);
}

interface Finding {
  readonly segment: Segment;
  readonly explanation: Explanation;
  /** Rest over budget. */
  readonly ratio: number;
  readonly isExplained: boolean;
  readonly claims: readonly Deviation[];
}

interface ExamineOptions extends Omit<DiagnoseOptions, "onRun"> {
  readonly onRun: () => void;
}

async function examine(subject: Subject, problem: Problem, options: ExamineOptions): Promise<Finding> {
  const { config, layer } = subject;
  const search = {
    maxRuns: options.maxRuns ?? defaultMaxRuns,
    onRun: options.onRun,
    ...(options.signal && { signal: options.signal }),
  };
  const all = deviationsOf(config, layer);
  const finding = judgeExplanation(problem.segment, await explain(problem, all, search), options);
  if (finding.isExplained) return finding;
  const estimated = await estimateScale(subject, problem, finding.explanation, options);
  if (estimated === undefined) return finding;
  const explanation = await explain(problem, [...all, estimated], search);
  const second = judgeExplanation(problem.segment, explanation, options);
  return second.explanation.squaredRest < finding.explanation.squaredRest ? second : finding;
}

function judgeExplanation(segment: Segment, explanation: Explanation, options: ExamineOptions): Finding {
  const { squaredError, squaredRest, squaredNorm, deviations } = explanation;
  const budget = options.budgets.get(segment.stage) ?? 0;
  const rest = Math.sqrt(squaredRest / squaredNorm);
  const ratio = squaredRest === 0 ? 0 : rest / budget;
  const isExplained = ratio <= options.limit;
  const share = squaredError === 0 ? 1 : 1 - squaredRest / squaredError;
  return { segment, explanation, ratio, isExplained, claims: isExplained || share >= nearlyAll ? deviations : [] };
}

/** Where the scale is none of the usual ones: the factor that fits best, by a search on its logarithm. */
async function estimateScale(
  subject: Subject,
  problem: Problem,
  { deviations }: Explanation,
  { signal, onRun }: ExamineOptions,
): Promise<Deviation | undefined> {
  const { config } = subject;
  const { program, stage } = problem.segment;
  const others = deviations.filter(({ group }) => group !== "scale");
  const withFactor = (factor: number) => applyAll(program, [...others, scale(config, "scale:other", factor, "")]);
  if (withFactor(1).outputs.get(stage) === applyAll(program, others).outputs.get(stage)) return undefined;
  const restOf = async (logarithm: number): Promise<number> => {
    onRun();
    const output = await problem.evaluate(withFactor(2 ** logarithm), signal);
    return output.reduce((sum, value, index) => sum + (value - (problem.target[index] as number)) ** 2, 0);
  };
  const factor = 2 ** (await minimize(restOf, -12, 4));
  return scale(config, "scale:other", factor, "about");
}

/** A coarse grid, then golden sections around its best point, to about four digits. */
async function minimize(f: (x: number) => Promise<number>, from: number, to: number): Promise<number> {
  let best = from;
  let least = Number.POSITIVE_INFINITY;
  for (let x = from; x <= to; x++) {
    const value = await f(x);
    if (value < least) [best, least] = [x, value];
  }
  const golden = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [best - 1, best + 1];
  while (high - low > 1e-4) {
    const [left, right] = [high - golden * (high - low), low + golden * (high - low)];
    if ((await f(left)) < (await f(right))) high = right;
    else low = left;
  }
  return (low + high) / 2;
}

function putTogether(
  all: readonly Deviation[],
  findings: readonly Finding[],
  { precision }: DiagnoseOptions,
): Diagnosis {
  const claimed = new Map<string, Deviation>();
  for (const { claims } of findings) for (const deviation of claims) claimed.set(deviation.id, deviation);
  const order = all.map(({ id }) => id);
  const deviations = [...claimed.values()].sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
  const causes = deviations.map((deviation) => causeOf(deviation, findings));
  const unexplained = findings.filter(({ isExplained }) => !isExplained).map(({ segment }) => segment.stage);
  const undecidable = all
    .filter(({ id }) => !claimed.has(id))
    .filter((deviation) => isInvisible(deviation, findings))
    .map(({ says }) => says);
  const report = {
    causes,
    ...shares(findings),
    unexplained,
    undecidable,
    runs: findings.reduce((sum, { explanation }) => sum + explanation.runs, 0),
  };
  return { report: { sentence: describeDiagnosis(report, precision), ...report }, deviations };
}

function causeOf(deviation: Deviation, findings: readonly Finding[]): Cause {
  const where = findings.filter(({ claims }) => claims.some(({ id }) => id === deviation.id));
  // Another stage may tell apart what one cannot: only what every one of them leaves open stays open.
  const alternatives = where.map(({ explanation }) => {
    const [, equal = []] = [...explanation.equals].find(([{ id }]) => id === deviation.id) ?? [];
    return new Set(equal.map(({ says }) => says));
  });
  const [first = new Set<string>(), ...others] = alternatives;
  return {
    id: deviation.id,
    says: deviation.says,
    stages: where.map(({ segment }) => segment.stage),
    alternatives: [...first].filter((says) => others.every((other) => other.has(says))),
  };
}

/** A hypothesis that concerns the stages given, but changes none of them visibly. */
function isInvisible({ id, group }: Deviation, findings: readonly Finding[]): boolean {
  const concerned = findings.filter(({ explanation }) => explanation.relevant.some((other) => other.id === id));
  const excluded = findings.some(({ claims }) => group !== undefined && claims.some((claim) => claim.group === group));
  return (
    !excluded &&
    concerned.length > 0 &&
    concerned.every(({ explanation }) => explanation.invisible.some((other) => other.id === id))
  );
}

/**
 * Shares of the squared error where a cause showed (everywhere, if none did), each segment's relative to its own size, so
 * that a large stage does not hide a small one.
 */
function shares(findings: readonly Finding[]): Pick<DiagnosisReport, "explained" | "rest"> {
  const showing = findings.filter(({ claims }) => claims.length > 0);
  const concerned = showing.length > 0 ? showing : findings;
  const relative = (part: "squaredError" | "squaredRest") =>
    concerned.reduce((sum, { explanation }) => {
      // An original of nothing but zeros has no size for an error to be relative to.
      return explanation[part] === 0 ? sum : sum + explanation[part] / explanation.squaredNorm;
    }, 0);
  const [error, rest] = [relative("squaredError"), relative("squaredRest")];
  const worst = Math.max(0, ...findings.map(({ ratio }) => ratio));
  return {
    explained: error === 0 ? null : Math.max(0, 1 - rest / error),
    rest: {
      relative: Math.sqrt(rest / Math.max(1, concerned.length)),
      ratio: Number.isFinite(worst) ? worst : null,
    },
  };
}
