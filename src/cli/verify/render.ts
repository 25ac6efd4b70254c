/**
 * The output of `fusebert verify` on the terminal: the original demo's steps, with reasons.
 *
 * The parts can be printed as they become available; `renderVerify` returns all of them.
 */
import pc from "picocolors";
import { formatShape, scientific } from "../../format/numbers.ts";
import { left, wrap } from "../../format/text-layout.ts";
import { headline } from "../../verify/html/words.ts";
import type { CandidateReport, VerifyReport } from "../../verify/report/report.ts";
import { renderCandidate } from "./render-candidate.ts";
import { renderEmbeddings, renderUnitWeights } from "./render-inputs.ts";
import { coloured } from "./render-text.ts";

export { renderCandidate, renderEmbeddings, renderUnitWeights };

export function renderVerify(report: VerifyReport): string {
  return [
    renderHeading(report),
    renderUnitWeights(report.unitWeights),
    renderEmbeddings(report.embeddings),
    ...report.candidates.map((candidate) => renderCandidate(candidate, report.budgetLimit)),
    renderSummary(report),
  ].join("\n");
}

export function renderHeading({
  model,
  batch,
  sequence,
  hidden,
  seed,
  budgetLimit,
}: Pick<VerifyReport, "model" | "batch" | "sequence" | "hidden" | "seed" | "budgetLimit">): string {
  const shape = `batch × sequence × hidden ${formatShape([batch, sequence, hidden])}`;
  const lines = [
    ...wrap(model, 0).map(pc.bold),
    ...wrap(`${shape}, seed ${seed}, good up to ${budgetLimit} × the budget`, 0),
  ];
  return `${lines.join("\n")}\n`;
}

/** A row for each candidate, and the verdict as one sentence. */
export function renderSummary(report: VerifyReport): string {
  const { candidates, passed } = report;
  const columns = [left("candidate", 30), left("precision", 9), left("verdict", 12), left("layouts", 7)];
  const head = `  ${columns.join("  ")}  unit weights`;
  const [first = "", ...rest] = wrap(`${passed ? "PASSED" : "FAILED"}: ${headline(report)}`, 0);
  const colour = passed ? pc.green : pc.red;
  return [
    pc.dim(head),
    ...candidates.map((candidate) => candidateRow(candidate, report)),
    "",
    ...[first, ...rest].map((line) => pc.bold(colour(line))),
    pc.dim(`${scientific(report.seconds, 1)} s`),
    "",
  ].join("\n");
}

function candidateRow({ name, precision, verdict, layouts }: CandidateReport, { unitWeights }: VerifyReport): string {
  const right = layouts.filter(({ asExpected }) => asExpected).length;
  const tests = unitWeights.filter(({ candidate }) => candidate === name);
  const unit =
    tests.length === 0 ? pc.dim("-") : tests.every((test) => test.passed) ? pc.green("passed") : pc.red("FAILED");
  const layoutWords = layouts.length === 0 ? "-" : `${right} of ${layouts.length}`;
  return `  ${left(name, 30)}  ${left(precision, 9)}  ${coloured(verdict, 12)}  ${left(layoutWords, 7)}  ${unit}`;
}
