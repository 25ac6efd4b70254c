/**
 * Diagnoses from a candidate's stages what it computes differently.
 *
 * Each segment between dumped stages is searched separately (`search.ts`); the findings are merged into one report, which
 * also names the hypotheses that these stages cannot decide.
 *
 * Must stay true: a cause is claimed only if it reduces its segment's error to rounding, and no other stage contradicts it;
 * a stage without such a cause is reported as unexplained, with what it resembles.
 */

import { type Deviation, deviationsOf, scaleDeviation } from "../../architectures/deviations.ts";
import { checkFields } from "../../arguments.ts";
import { shortStage } from "../../format/numbers.ts";
import { applyAll } from "../candidate/candidate.ts";
import type { LayerUnderTest } from "../layer/layer-under-test.ts";
import type { Precision } from "../layer/precision.ts";
import type { Cause, DiagnosisReport } from "../report/report.ts";
import type { DumpedElsewhere } from "./find-dump-points.ts";
import { type Explanation, explain } from "./search.ts";
import { type SegmentData, SegmentFit } from "./segment-fit.ts";
import { type Segment, segmentsOf } from "./segments.ts";
import { describeDiagnosis, nothingToDiagnose } from "./sentences.ts";
import { squaredDistance, sumOfSquares } from "./squares.ts";

export interface DiagnoseOptions {
  readonly precision: Precision;
  /** By stage, the relative L2 error that rounding alone causes in the segment that ends there. */
  readonly budgets: ReadonlyMap<string, number>;
  /** The largest ratio over the budget that still counts as rounding. */
  readonly limit: number;
  /** Stages that fit another point of the layer as well: what a cause there is an alternative to. */
  readonly elsewhere?: ReadonlyMap<string, DumpedElsewhere>;
  /** Findings of earlier diagnoses of the same dump without other stages: a segment that reads the same is not searched again. */
  readonly memory?: Map<string, Finding>;
  /** Maximum number of hypotheses evaluated for a segment. */
  readonly maxRuns?: number;
  readonly signal?: AbortSignal | undefined;
  /** Receives the number of evaluations so far. */
  readonly onRun?: ((runs: number) => void) | undefined;
}

export interface Diagnosis {
  readonly report: DiagnosisReport;
  /** The deviations found, in order of application. */
  readonly deviations: readonly Deviation[];
}

/** Several times what both starts of a search need with every hypothesis. */
const defaultMaxRuns = 500;
const estimatedScale = "scale:other";

export async function diagnose(
  subject: LayerUnderTest,
  data: SegmentData,
  options: DiagnoseOptions,
): Promise<Diagnosis> {
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
    const key = [segment.stage, ...segment.readsStages].join();
    let finding = options.memory?.get(key);
    if (finding === undefined) {
      const fit = await SegmentFit.create(segment, data, options.signal);
      if (fit.counted + fit.broken === 0) continue;
      finding = await examine(subject, fit, all, counted);
      options.memory?.set(key, finding);
    }
    findings.push(finding);
  }
  // A kernel may repeat a deviation in a segment where other errors hide it, so claims of one segment are tried in others.
  const claimed = new Set(findings.flatMap(({ claims }) => claims));
  for (const [index, { isExplained, segment }] of findings.entries()) {
    if (claimed.size === 0 || isExplained) continue;
    const fit = await SegmentFit.create(segment, data, options.signal);
    const hypotheses = [...new Set([...all, ...claimed])];
    const second = await examine(subject, fit, hypotheses, counted, [...claimed]);
    if (second.isExplained) findings[index] = second;
  }
  await withoutContradicted(subject, findings, { all, data, counted });
  return merge(all, findings, options);
}

interface Examining {
  readonly all: readonly Deviation[];
  readonly data: SegmentData;
  readonly counted: ExamineOptions;
}

/** Looks again, without them, where claims were made that a stage right without them contradicts. */
async function withoutContradicted(
  subject: LayerUnderTest,
  findings: Finding[],
  { all, data, counted }: Examining,
): Promise<void> {
  for (const [index, { claims, segment }] of findings.entries()) {
    const others = findings.filter((_, other) => other !== index);
    const contradicted = claims.filter(
      (claim) => claim.everywhere && others.some((other) => contradicts(other, claim)),
    );
    if (contradicted.length === 0) continue;
    const ids = new Set(contradicted.map(({ id }) => id));
    const fit = await SegmentFit.create(segment, data, counted.signal);
    const hypotheses = all.filter(({ id }) => !ids.has(id));
    const again = await examine(subject, fit, hypotheses, counted);
    findings[index] = again.isExplained ? again : { ...again, resembling: [...again.resembling, ...contradicted] };
  }
}

/** Whether a stage, right as it is, would be visibly different if the kernel did what is claimed elsewhere. */
function contradicts({ isExplained, claims, explanation }: Finding, claim: Deviation): boolean {
  const has = (deviations: readonly Deviation[]) => deviations.some(({ id }) => id === claim.id);
  return isExplained && !has(claims) && has(explanation.relevant) && !has(explanation.invisible);
}

export interface Finding {
  readonly segment: Segment;
  readonly explanation: Explanation;
  /** The remaining error over the budget. */
  readonly ratio: number;
  readonly isExplained: boolean;
  /** Empty unless it is explained. */
  readonly claims: readonly Deviation[];
  /** What explains a part of an error that is not explained. */
  readonly resembling: readonly Deviation[];
}

interface ExamineOptions extends Omit<DiagnoseOptions, "onRun"> {
  readonly onRun: () => void;
}

/** @param start the set of deviations to try first. */
async function examine(
  subject: LayerUnderTest,
  fit: SegmentFit,
  all: readonly Deviation[],
  options: ExamineOptions,
  start: readonly Deviation[] = [],
): Promise<Finding> {
  const budget = options.budgets.get(fit.segment.stage) ?? 0;
  const search = {
    maxRuns: options.maxRuns ?? defaultMaxRuns,
    rounding: (options.limit * budget) ** 2,
    onRun: options.onRun,
    ...(options.signal && { signal: options.signal }),
  };
  const hypotheses = fit.isUniform ? [] : all;
  let finding = await judgeExplanation(fit, await explain(fit, hypotheses, { ...search, start }), options);
  if (fit.isUniform) return finding;
  // The estimated scale depends on the other deviations, and these on the scale.
  for (let round = 0; round < 2 && !finding.isExplained; round++) {
    const estimated = await estimateScale(subject, fit, finding.explanation, options);
    if (estimated === undefined) break;
    const others = finding.explanation.tentative.filter(({ group }) => group !== "scale");
    const withEstimate = [...all.filter(({ id }) => id !== estimatedScale), estimated];
    const explanation = await explain(fit, withEstimate, { ...search, start: [...others, estimated] });
    const next = await judgeExplanation(fit, explanation, options);
    if (explanation.squaredRest >= finding.explanation.squaredRest) {
      return { ...finding, resembling: [...finding.resembling, ...(await explainsAlone(fit, estimated, options))] };
    }
    finding = next;
  }
  return finding;
}

/** The estimated scale, if it alone leaves no more than rounding: too small a difference to be claimed, but one that fits. */
async function explainsAlone(
  fit: SegmentFit,
  estimated: Deviation,
  options: ExamineOptions,
): Promise<readonly Deviation[]> {
  const output = await fit.evaluate(applyAll(fit.segment.program, [estimated]), options.signal);
  const bound = options.limit * (await budgetUnder(fit, [estimated], options));
  return squaredDistance(output, fit.target) <= bound ** 2 * sumOfSquares(output) ? [estimated] : [];
}

async function judgeExplanation(fit: SegmentFit, explanation: Explanation, options: ExamineOptions): Promise<Finding> {
  const { squaredRest, squaredNorm, deviations, evident } = explanation;
  const { segment } = fit;
  const budget = await budgetUnder(fit, deviations, options);
  const rest = Math.sqrt(squaredRest / squaredNorm);
  const ratio = squaredRest === 0 ? 0 : rest / budget;
  const isExplained = ratio <= options.limit && fit.broken === 0;
  const claims = isExplained ? deviations : [];
  // A fitted factor explains a part of any error.
  const resembling = isExplained ? [] : evident.filter(({ id }) => id !== estimatedScale);
  return { segment, explanation, ratio, isExplained, claims, resembling };
}

/** The rounding error of a kernel with deviations: a softmax of larger scores, for example, amplifies every error. */
async function budgetUnder(
  fit: SegmentFit,
  deviations: readonly Deviation[],
  options: ExamineOptions,
): Promise<number> {
  const { budgets, signal } = options;
  const { program, stage } = fit.segment;
  if (deviations.length === 0) return budgets.get(stage) ?? 0;
  const deviating = applyAll(program, deviations);
  const exact = await fit.evaluate(deviating, signal);
  const rounded = await fit.evaluateRounded(deviating, signal);
  return Math.sqrt(squaredDistance(exact, rounded) / sumOfSquares(exact));
}

/** Fits an unusual attention scale, by a search on its logarithm; undefined if no scale affects the segment. */
async function estimateScale(
  subject: LayerUnderTest,
  fit: SegmentFit,
  { tentative }: Explanation,
  { signal, onRun }: ExamineOptions,
): Promise<Deviation | undefined> {
  const { config } = subject;
  const { program, stage } = fit.segment;
  const others = tentative.filter(({ group }) => group !== "scale");
  const withFactor = (factor: number) =>
    applyAll(program, [...others, scaleDeviation(config, estimatedScale, factor, "")]);
  if (withFactor(1).outputs.get(stage) === applyAll(program, others).outputs.get(stage)) return undefined;
  const restOf = async (logarithm: number): Promise<number> => {
    onRun();
    return squaredDistance(await fit.evaluate(withFactor(2 ** logarithm), signal), fit.target);
  };
  const outputOf = (factor: number): Promise<Float64Array> => {
    onRun();
    return fit.evaluate(withFactor(factor), signal);
  };
  const factor = await refine(outputOf, fit.target, 2 ** (await minimize(restOf, -12, 4)));
  return scaleDeviation(config, estimatedScale, factor, "about");
}

/** Minimises by a coarse grid and golden-section search around its best point, close enough for `refine`. */
async function minimize(f: (x: number) => Promise<number>, from: number, to: number): Promise<number> {
  let best = from;
  let minimum = Number.POSITIVE_INFINITY;
  for (let x = from; x <= to; x++) {
    const value = await f(x);
    if (value < minimum) [best, minimum] = [x, value];
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

/** Gauss–Newton on one factor, with the slope by finite differences: as precise as the target. */
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
    // A step out of the golden-section bracket means that no factor fits the target.
    if (!(Math.abs(dot) < 0.1 * norm)) break;
    factor *= 1 + dot / norm;
  }
  return factor;
}

function merge(
  all: readonly Deviation[],
  findings: readonly Finding[],
  { precision, elsewhere = new Map() }: DiagnoseOptions,
): Diagnosis {
  const claimed = new Map<string, Deviation>();
  for (const { claims } of findings) for (const deviation of claims) claimed.set(deviation.id, deviation);
  const order = all.map(({ id }) => id);
  const deviations = [...claimed.values()].sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
  const causes = deviations.map((deviation) => causeOf(deviation, findings, elsewhere));
  const resembles = [...new Map(findings.flatMap(({ resembling }) => resembling.map((found) => [found.id, found])))]
    .filter(([id]) => !claimed.has(id))
    .map(([id, { says }]): Cause => {
      const stages = findings.filter(({ resembling }) => resembling.some((found) => found.id === id));
      return { id, says, stages: stages.map(({ segment }) => segment.stage), alternatives: [] };
    });
  const unexplained = [
    ...findings.filter(({ isExplained }) => !isExplained).map(({ segment }) => segment.stage),
    ...[...elsewhere].filter(([, { words }]) => words === undefined).map(([stage]) => stage),
  ];
  const undecidable = all
    .filter(({ id }) => !claimed.has(id))
    .filter((deviation) => isInvisible(deviation, findings))
    .map(({ says }) => says);
  const report = {
    causes,
    resembles,
    ...errorShares(findings),
    unexplained,
    undecidable,
    runs: findings.reduce((sum, { explanation }) => sum + explanation.runs, 0),
  };
  const sentence = findings.length === 0 ? nothingToDiagnose : describeDiagnosis(report, precision);
  return { report: { sentence, ...report }, deviations };
}

function causeOf(
  deviation: Deviation,
  findings: readonly Finding[],
  elsewhere: ReadonlyMap<string, DumpedElsewhere>,
): Cause {
  const claiming = findings.filter(({ claims }) => claims.some(({ id }) => id === deviation.id));
  // One stage may distinguish what another cannot, so only alternatives in all of them remain.
  const alternatives = claiming.map(({ explanation }) => {
    const [, equal = []] = [...explanation.equals].find(([{ id }]) => id === deviation.id) ?? [];
    return new Set(equal.map(({ says }) => says));
  });
  const [first = new Set<string>(), ...others] = alternatives;
  const stages = claiming.map(({ segment }) => segment.stage);
  const [only = ""] = stages.length === 1 ? stages : [];
  const dumped = elsewhere.get(only)?.words;
  return {
    id: deviation.id,
    says: deviation.says,
    stages,
    alternatives: [
      ...[...first].filter((says) => others.every((other) => other.has(says))),
      ...(dumped === undefined ? [] : [`only dumps ${shortStage(only)} ${dumped}`]),
    ],
  };
}

/** Whether a hypothesis applies to the given stages, but visibly changes none of them. */
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
 * The explained and the remaining share of the squared error of all segments. Each segment's error is relative to its own
 * size, so that a large stage does not hide a small one; where nothing is claimed, nothing is explained.
 */
function errorShares(findings: readonly Finding[]): Pick<DiagnosisReport, "explained" | "rest"> {
  const relative = (part: "squaredError" | "squaredRest") =>
    findings.reduce((sum, { explanation, isExplained }) => {
      const squared = isExplained ? explanation[part] : explanation.squaredError;
      // No error can be relative to an original of zeros.
      return squared === 0 ? sum : sum + squared / explanation.squaredNorm;
    }, 0);
  const [error, rest] = [relative("squaredError"), relative("squaredRest")];
  const worst = Math.max(0, ...findings.map(({ ratio }) => ratio));
  return {
    explained: error === 0 ? null : Math.max(0, 1 - rest / error),
    rest: {
      relative: Math.sqrt(rest / Math.max(1, findings.length)),
      ratio: Number.isFinite(worst) ? worst : null,
    },
  };
}
