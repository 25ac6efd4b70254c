/**
 * The sentences of a report, shared by the page and the terminal.
 */

import { magnitude as formatMagnitude, listed, ranges, scientific, shortStage } from "../../format/numbers.ts";
import type {
  CandidateReport,
  Comparison,
  DiagnosisReport,
  LayerReport,
  LayoutReport,
  StageReport,
  UnitWeightReport,
  VerifyReport,
} from "../report/report.ts";
import { isMatch, type Verdict } from "../report/verdict.ts";

export function meaning(verdict: Verdict, budgetLimit: number): string {
  switch (verdict) {
    case "IDENTICAL":
      return "Every compared element is equal.";
    case "GOOD":
      return `The relative L2 error is at most ${budgetLimit} times the budget.`;
    case "FAIR":
      return "Above that, but at most 10 % relative L2.";
    case "POOR":
      return "More than 10 % relative L2.";
    case "NON-FINITE":
      return "A NaN or an infinity where the original is finite.";
    case "INCONCLUSIVE":
      return "The comparison could not be made.";
  }
}

/** The report's verdict in one sentence. */
export function headline({ candidates, unitWeights, passed }: VerifyReport): string {
  const names = (some: readonly CandidateReport[]) => listed(some.map(({ name }) => name));
  if (candidates.length === 0) return "There was no candidate to compare.";
  const one = candidates.length === 1;
  if (passed) {
    const who = one
      ? names(candidates)
      : candidates.length === 2
        ? `both ${names(candidates)}`
        : `all ${candidates.length} candidates`;
    return `${who} ${one ? "computes" : "compute"} what the original computes.`;
  }
  const different = candidates.filter((candidate) => !candidate.passed && candidate.inconclusive === null);
  const unknown = candidates.filter(({ inconclusive }) => inconclusive !== null);
  const right = candidates.filter((candidate) => candidate.passed);
  const parts: string[] = [];
  if (different.length > 0) {
    parts.push(`${names(different)} ${different.length === 1 ? "does" : "do"} not compute what the original computes`);
  }
  if (right.length > 0) parts.push(`${names(right)} ${right.length === 1 ? "matches" : "match"}`);
  if (unknown.length > 0) {
    const wereCompared = unknown.every(({ layers }) => layers.length > 0);
    parts.push(`${names(unknown)} ${wereCompared ? "cannot be judged" : "could not be compared"}`);
  }
  const failedTests = unitWeights.filter((test) => !test.passed);
  if (different.length === 0 && failedTests.length > 0) {
    parts.push(`${listed([...new Set(failedTests.map(({ candidate }) => candidate))])} failed with unit weights`);
  }
  return `${parts.join("; ")}.`;
}

/** Why a candidate could not be compared, or its diagnoses, one for layers that agree. */
export function findings({ inconclusive, layers, layouts }: CandidateReport): string[] {
  if (inconclusive !== null && layers.length === 0) return [inconclusive];
  const sentences = groupDiagnoses(layers).map(({ title, diagnosis }) => {
    return layers.length === 1 ? diagnosis.sentence : `${title}: ${diagnosis.sentence}`;
  });
  return [
    ...(inconclusive === null ? [] : [inconclusive]),
    ...sentences,
    ...layouts.filter(({ asExpected }) => !asExpected).map(layoutSurprise),
  ];
}

export interface DiagnosisGroup {
  /** `Layers 0–11` */
  readonly title: string;
  /** The diagnosis of the layer with the largest remaining error. */
  readonly diagnosis: DiagnosisReport;
}

/** Groups layers with the same findings, whose sentences differ only in figures. */
export function groupDiagnoses(layers: readonly LayerReport[]): DiagnosisGroup[] {
  const groups = new Map<string, LayerReport[]>();
  for (const layer of layers) {
    const { causes, unexplained, explained } = layer.diagnosis;
    const found = [
      causes.map(({ says, alternatives }) => [says, alternatives]),
      unexplained.map(shortStage),
      explained === null,
    ];
    const key = JSON.stringify(found);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [layer]);
    else group.push(layer);
  }
  const restOf = ({ diagnosis }: LayerReport) => diagnosis.rest.ratio ?? Number.MAX_VALUE;
  return [...groups.values()].map((group) => ({
    title: `Layer${group.length === 1 ? "" : "s"} ${ranges(group.map(({ layer }) => layer))}`,
    diagnosis: group.reduce((worst, layer) => (restOf(layer) > restOf(worst) ? layer : worst)).diagnosis,
  }));
}

function layoutSurprise(layout: LayoutReport): string {
  const expected = layout.expected === "original" ? "match the original" : "be a poor match that is recognised";
  return `Layout ${layout.number} (${layout.name}) should ${expected}; it is ${layout.comparison.verdict}.`;
}

/** The fault in a unit-weight test, and the stage where it arose. */
export function explainUnitWeights(test: UnitWeightReport): string {
  const { overflow, statistics, kind, illConditioned } = test;
  if (overflow !== null) {
    const { stage, operation, magnitude, precision, limit } = overflow;
    const reason =
      magnitude === null
        ? `the original is in the range of ${precision} there`
        : `the original reaches ${formatMagnitude(magnitude)} there; the largest ${precision} is ${formatMagnitude(limit)}`;
    return `The first NaN or infinity arose in ${stage} (${operation}): ${reason}.`;
  }
  if (kind === "exact") {
    if (statistics.maxAbsolute.value === 0) return "0.5 everywhere, as expected.";
    return `It should be 0.5 everywhere; it is off by up to ${scientific(statistics.maxAbsolute.value, 2)}.`;
  }
  if (!illConditioned) return "";
  return (
    `Finite. Off by up to ${scientific(statistics.maxAbsolute.value, 2)}, which is reported and not judged: ` +
    "float32's spacing at these sums is 1/16, so no float32 kernel can agree closely."
  );
}

/** Whether the verdict applies: a finite but ill-conditioned result is not judged. */
export function isJudged({ illConditioned, verdict }: UnitWeightReport): boolean {
  return !(illConditioned && verdict === "INCONCLUSIVE");
}

export const unitWeightKinds: Readonly<Record<UnitWeightReport["kind"], string>> = {
  exact:
    "Input one, dense weights one, their biases zero, LayerNorm weight one and bias 0.5: " +
    "every intermediate value is representable, and the output is 0.5 everywhere.",
  demo: "Input one and every weight one, while the biases stay: the output must be finite.",
};

/** The comparison shown for a stage: the propagated one if there is one. */
export function shownComparison({ propagated, shadow }: StageReport): Comparison | null {
  return propagated ?? shadow;
}

/** The stage furthest from its budget. */
export function worstStage(layer: LayerReport): StageReport | undefined {
  return layer.stages.reduce<StageReport | undefined>((worst, stage) => {
    return worst === undefined || severity(stage) > severity(worst) ? stage : worst;
  }, undefined);
}

/** Orders stages: by relative error over budget, with non-finite ones above all others. */
export function severity(stage: StageReport): number {
  const comparison = shownComparison(stage);
  if (comparison === null) return -1;
  if (comparison.verdict === "NON-FINITE") return Number.POSITIVE_INFINITY;
  return comparison.ratio ?? Number.MAX_VALUE;
}

/** The stages that do not match although their inputs are right. */
export function wrongInThemselves(layer: LayerReport): StageReport[] {
  return layer.stages.filter(({ shadow }) => shadow !== null && !isMatch(shadow.verdict));
}

/** Describes the shadow comparison, which differs for a dump because it cannot be run again. */
export function shadowWords({ kind }: CandidateReport): string {
  return kind === "dump"
    ? "the original's operation applied to the candidate's own dumped inputs"
    : "each stage computed by the candidate from the original's inputs";
}

/** Explains the mark of instrumented stages; empty if there are none. */
export function instrumentedNote(stages: readonly StageReport[]): string {
  const instrumented = stages.filter(({ production }) => !production);
  if (instrumented.length === 0) return "";
  const purpose = instrumented.some(({ judged }) => judged) ? "" : ", to locate faults; not judged";
  return `written only by a second run, which keeps every stage in float32${purpose}`;
}

export function noLayoutsWords({ kind, inconclusive }: CandidateReport): string {
  if (inconclusive !== null) return "The layouts were not tried, because no comparison could be made.";
  return kind === "dump"
    ? "A dump holds results and cannot be run again with weights in other layouts, so there are none here."
    : "No layouts were tried.";
}

/** The recognised layout: `recognised as Q, K, V transposed`. */
export function recognisedWords({ recognised, expected, comparison }: LayoutReport): string {
  if (recognised !== null) return `recognised as ${recognised}`;
  return expected === "original" && isMatch(comparison.verdict) ? "the original" : "fits no known layout";
}

export const kinds: Readonly<Record<CandidateReport["kind"], string>> = {
  engine: "an engine, run here",
  dump: "a file of dumped tensors",
  imitation: "a built-in imitation of a known kernel",
};

/** Describes the error that the causes do not explain. */
export function restWords({ relative, ratio }: DiagnosisReport["rest"], budgetLimit: number): string {
  if (relative === 0) return "none";
  return ratio !== null && ratio <= budgetLimit ? "rounding" : "more than rounding";
}
