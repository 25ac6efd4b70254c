/**
 * Caveats that precede a diagnosis: non-finite elements, a candidate unrelated to the original, runs that disagree.
 *
 * Must stay true: a verdict and a diagnosis may come from different runs of a candidate (`report.ts`); a caveat says where
 * they disagree.
 */

import type { Comparison, DiagnosisReport, StageReport } from "../report/report.ts";
import { isMatch } from "../report/verdict.ts";

/** Below this cosine two tensors are uncorrelated. */
const unrelatedCosine = 0.1;

/** The propagated figures of a stage in the diagnosed run. */
export type CompareDiagnosed = (stage: StageReport) => Comparison | null;

export function caveats(
  stages: readonly StageReport[],
  diagnosis: DiagnosisReport,
  compareDiagnosed: CompareDiagnosed,
): string {
  const first = nonFinite(stages) || unrelated(stages, diagnosis);
  return first + (onlyInProduction(stages, compareDiagnosed) || onlyInstrumented(stages, compareDiagnosed));
}

/** A diagnosis ignores non-finite elements, and may find no fault in the others. */
function nonFinite(reports: readonly StageReport[]): string {
  const stages = reports.filter(({ propagated, shadow }) => {
    const statistics = (propagated ?? shadow)?.statistics;
    return statistics !== undefined && statistics.nan + statistics.infinite > 0;
  });
  const [first] = stages;
  if (first === undefined) return "";
  const others = stages.length === 1 ? "" : ` (and ${stages.length - 1} more)`;
  return `${first.stage}${others} holds NaN or infinities; what follows is about the finite elements. `;
}

/** The first stage is already uncorrelated with the original's, and no hypothesis explains it. */
function unrelated([first]: readonly StageReport[], { unexplained }: DiagnosisReport): string {
  const comparison = first?.shadow ?? first?.propagated;
  if (first === undefined || comparison === undefined || comparison === null) return "";
  const { cosine, count } = comparison.statistics;
  if (count === 0 || Math.abs(cosine) >= unrelatedCosine || !unexplained.includes(first.stage)) return "";
  return (
    `Already ${first.stage} is not correlated with the original (cosine ${cosine.toFixed(3)}): it looks like another ` +
    "model's, another layer's or another input's. "
  );
}

const isWrong = (comparison: Comparison | null): boolean => comparison !== null && !isMatch(comparison.verdict);

/** A fault that does not occur in the instrumented run. */
function onlyInProduction(stages: readonly StageReport[], compareDiagnosed: CompareDiagnosed): string {
  const first = stages.find(({ production, propagated }) => production && isWrong(propagated));
  if (first === undefined || isWrong(compareDiagnosed(first))) return "";
  return (
    `The kernels that users run diverge at ${first.stage}, and those of the instrumented run do not: the fault is in how ` +
    "they are fused or in what they store. What follows is about the instrumented run. "
  );
}

/** A fault that occurs only in the instrumented run. */
function onlyInstrumented(stages: readonly StageReport[], compareDiagnosed: CompareDiagnosed): string {
  if (stages.some(({ judged, propagated }) => judged && isWrong(propagated))) return "";
  const first = stages.find((stage) => isWrong(compareDiagnosed(stage)));
  if (first === undefined) return "";
  return (
    "The kernels that users run are right at every stage they write. Those of the instrumented run, which only locates " +
    `faults, are not, first at ${first.stage}. What follows is about them. `
  );
}
