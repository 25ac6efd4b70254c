/**
 * The diagnosis: what a candidate does differently, from the stages it computed.
 *
 * Each segment between dumped stages is searched on its own (`search.ts`); what was found is put together, said in words,
 * and what could not be seen is said too.
 *
 * Must stay true: a cause is claimed only where it brings its segment down to rounding, or explains nearly all of what is
 * left without it; where nothing does, the stage is called unexplained.
 */

import { type Deviation, deviationsOf, scale } from "../../architectures/bert/deviations.ts";
import { checkFields } from "../../arguments.ts";
import { applyAll } from "../candidate/candidate.ts";
import type { Subject } from "../layer/layer-under-test.ts";
import type { Precision } from "../layer/precision.ts";
import type { Cause, DiagnosisReport } from "../report/report.ts";
import { type Explanation, explain } from "./search.ts";
import { Problem, type ProblemData } from "./segment-fit.ts";
import { type Segment, segmentsOf } from "./segments.ts";
import { describeDiagnosis, nothingToDiagnose } from "./sentences.ts";

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
const estimatedScale = "scale:other";

export async function diagnose(subject: Subject, data: ProblemData, options: DiagnoseOptions): Promise<Diagnosis> {
  checkFields(subject, "diagnose's subject", { config: "an object", parameters: "an object", inputs: "an object" });
  checkFields(data, "diagnose's data", { stages: "an object" });
  checkFields(options, "diagnose's options", { precision: "a string", budgets: "an object" });
  const { config, layer } = subject;
  const { segments } = segmentsOf(config, layer, new Set(data.stages.keys()), data.inputs !== undefined);
  const all = deviationsOf(config, layer);
  let runs = 0;
  const counted = { ...options, onRun: () => options.onRun?.(++runs) };
  const findings: Finding[] = [];
  for (const segment of segments) {
    const problem = await Problem.create(segment, data, options.signal);
    if (problem.counted + problem.broken > 0) findings.push(await examine(subject, problem, all, counted));
  }
  // A kernel is one: what it does in one place it may do in another, where too much else is wrong to see it.
  const claimed = new Set(findings.flatMap(({ claims }) => claims));
  for (const [index, { isExplained, segment }] of findings.entries()) {
    if (claimed.size === 0 || isExplained) continue;
    const problem = await Problem.create(segment, data, options.signal);
    const hypotheses = [...new Set([...all, ...claimed])];
    const second = await examine(subject, problem, hypotheses, counted, [...claimed]);
    if (second.isExplained) findings[index] = second;
  }
  return putTogether(all, findings, options);
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

/** @param start what to try first. */
async function examine(
  subject: Subject,
  problem: Problem,
  all: readonly Deviation[],
  options: ExamineOptions,
  start: readonly Deviation[] = [],
): Promise<Finding> {
  const budget = options.budgets.get(problem.segment.stage) ?? 0;
  const search = {
    maxRuns: options.maxRuns ?? defaultMaxRuns,
    rounding: (options.limit * budget) ** 2,
    onRun: options.onRun,
    ...(options.signal && { signal: options.signal }),
  };
  const hypotheses = problem.isUniform ? [] : all;
  let finding = await judgeExplanation(problem, await explain(problem, hypotheses, { ...search, start }), options);
  if (problem.isUniform) return finding;
  // What the scale is said to be depends on what else was found, and the other way round.
  for (let round = 0; round < 2 && !finding.isExplained; round++) {
    const estimated = await estimateScale(subject, problem, finding.explanation, options);
    if (estimated === undefined) break;
    const others = finding.explanation.tentative.filter(({ group }) => group !== "scale");
    const withEstimate = [...all.filter(({ id }) => id !== estimatedScale), estimated];
    const explanation = await explain(problem, withEstimate, { ...search, start: [...others, estimated] });
    const next = await judgeExplanation(problem, explanation, options);
    if (explanation.squaredRest >= finding.explanation.squaredRest) break;
    finding = next;
  }
  return finding;
}

async function judgeExplanation(problem: Problem, explanation: Explanation, options: ExamineOptions): Promise<Finding> {
  const { squaredRest, squaredNorm, deviations, evident } = explanation;
  const { segment } = problem;
  const budget = await budgetUnder(problem, deviations, options);
  const rest = Math.sqrt(squaredRest / squaredNorm);
  const ratio = squaredRest === 0 ? 0 : rest / budget;
  const isExplained = ratio <= options.limit && problem.broken === 0;
  // A factor that was fitted explains a part of anything: it is claimed only where all is explained.
  const claims = isExplained ? deviations : evident.filter(({ id }) => id !== estimatedScale);
  return { segment, explanation, ratio, isExplained, claims };
}

/** What rounding costs a kernel with deviations: a softmax of larger scores, say, makes more of every error. */
async function budgetUnder(
  problem: Problem,
  deviations: readonly Deviation[],
  options: ExamineOptions,
): Promise<number> {
  const { budgets, signal } = options;
  const { program, stage } = problem.segment;
  if (deviations.length === 0) return budgets.get(stage) ?? 0;
  const deviating = applyAll(program, deviations);
  const exact = await problem.evaluate(deviating, signal);
  const rounded = await problem.evaluateRounded(deviating, signal);
  const squaredError = exact.reduce((sum, value, index) => sum + (value - (rounded[index] as number)) ** 2, 0);
  return Math.sqrt(squaredError / exact.reduce((sum, value) => sum + value * value, 0));
}

/** Where the scale is none of the usual ones: the factor that fits best, by a search on its logarithm. */
async function estimateScale(
  subject: Subject,
  problem: Problem,
  { tentative }: Explanation,
  { signal, onRun }: ExamineOptions,
): Promise<Deviation | undefined> {
  const { config } = subject;
  const { program, stage } = problem.segment;
  const others = tentative.filter(({ group }) => group !== "scale");
  const withFactor = (factor: number) => applyAll(program, [...others, scale(config, estimatedScale, factor, "")]);
  if (withFactor(1).outputs.get(stage) === applyAll(program, others).outputs.get(stage)) return undefined;
  const restOf = async (logarithm: number): Promise<number> => {
    onRun();
    const output = await problem.evaluate(withFactor(2 ** logarithm), signal);
    return output.reduce((sum, value, index) => sum + (value - (problem.target[index] as number)) ** 2, 0);
  };
  const outputOf = (factor: number): Promise<Float64Array> => {
    onRun();
    return problem.evaluate(withFactor(factor), signal);
  };
  const factor = await refine(outputOf, problem.target, 2 ** (await minimize(restOf, -12, 4)));
  return scale(config, estimatedScale, factor, "about");
}

/** A coarse grid, then golden sections around its best point, near enough for what is left to be a matter of slopes. */
async function minimize(f: (x: number) => Promise<number>, from: number, to: number): Promise<number> {
  let best = from;
  let least = Number.POSITIVE_INFINITY;
  for (let x = from; x <= to; x++) {
    const value = await f(x);
    if (value < least) [best, least] = [x, value];
  }
  const golden = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [best - 1, best + 1];
  while (high - low > 0.05) {
    const [left, right] = [high - golden * (high - low), low + golden * (high - low)];
    if ((await f(left)) < (await f(right))) high = right;
    else low = left;
  }
  return (low + high) / 2;
}

/** Newton's method on a factor (Gauss and Newton's, with the slope by differences): all the digits that the target has. */
async function refine(
  f: (factor: number) => Promise<Float64Array>,
  target: Float64Array,
  start: number,
): Promise<number> {
  let factor = start;
  for (let step = 0; step < 4; step++) {
    const [output, nudged] = [await f(factor), await f(factor * (1 + 1e-6))];
    let [dot, norm] = [0, 0];
    for (let index = 0; index < target.length; index++) {
      const value = output[index] as number;
      const slope = ((nudged[index] as number) - value) / 1e-6;
      dot += slope * ((target[index] as number) - value);
      norm += slope * slope;
    }
    // A step that would leave the golden sections' bracket comes from a target of another shape: there is no such factor.
    if (!(Math.abs(dot) < 0.1 * norm)) break;
    factor *= 1 + dot / norm;
  }
  return factor;
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
  const sentence = findings.length === 0 ? nothingToDiagnose : describeDiagnosis(report, precision);
  return { report: { sentence, ...report }, deviations };
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
