/**
 * One candidate of `fusebert verify` on the terminal: its stages, the five layouts, the diagnosis.
 */
import pc from "picocolors";
import { formatRatio, listed, percent, ranges, scientific, shareOf, shortStage } from "../../format/numbers.ts";
import { clip, width, wrap } from "../../format/text-layout.ts";
import { groupDiagnoses, kinds, noLayoutsWords, recognisedWords, restWords } from "../../verify/html/words.ts";
import type { CandidateReport, Cause, Comparison, DiagnosisReport, LayoutReport } from "../../verify/report/report.ts";
import { defaultBudgetLimit } from "../../verify/report/verdict.ts";
import { tensorLines } from "./render-inputs.ts";
import { stageLines } from "./render-stages.ts";
import { colourOf, heading, pairs } from "./render-text.ts";

/** Steps 3 to 5. @param budgetLimit the largest ratio that counts as rounding. */
export function renderCandidate(candidate: CandidateReport, budgetLimit = defaultBudgetLimit): string {
  const { name, kind, precision, inconclusive, note, layers } = candidate;
  const title = [
    pc.bold(pc.underline(clip(`${name}: ${kinds[kind]}, ${precision}`, width))),
    ...(note === null ? [] : wrap(note)),
    ...(inconclusive === null ? [] : ["", `  ${colourOf("INCONCLUSIVE")("INCONCLUSIVE")}`, ...wrap(inconclusive)]),
  ];
  if (layers.length === 0) return [...title, ""].join("\n");
  const parts = [title, stageLines(candidate), layoutLines(candidate), diagnosisLines(candidate, budgetLimit)];
  return `${parts.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function layoutLines(candidate: CandidateReport): string[] {
  const title = heading(4, "The five weight layouts");
  if (candidate.layouts.length === 0) return [title, "", ...wrap(noLayoutsWords(candidate))];
  return [title, ...candidate.layouts.flatMap(layoutOf)];
}

function layoutOf(layout: LayoutReport): string[] {
  const { number, name, comparison, delta, sameBytesAs, asExpected } = layout;
  const { statistics, verdict } = comparison;
  const same = sameBytesAs.length === 0 ? [] : wrap(`same bytes as ${ranges(sameBytesAs)}`);
  const expected = layout.expected === "original" ? "the original was" : "a poor match, recognised, was";
  return [
    "",
    `  ${pc.bold(clip(`(${number}) ${name}`, width - 2))}`,
    ...tensorLines(delta),
    `  L2 norm difference: ${scientific(statistics.l2Absolute, 4)}`,
    `  relative difference: ${percent(statistics.l2Relative, 4)}`,
    `  ${colourOf(verdict)(matchWords(comparison))}`,
    ...wrap(recognisedWords(layout)),
    ...same,
    ...(asExpected ? [] : wrap(`NOT AS EXPECTED: ${expected} expected.`).map(pc.red)),
  ];
}

/** The original demo's wording. */
function matchWords({ verdict, ratio }: Comparison): string {
  switch (verdict) {
    case "IDENTICAL":
      return "IDENTICAL! Every element is equal";
    case "GOOD":
      return `GOOD MATCH! ${formatRatio(ratio)} times the budget`;
    case "FAIR":
      return "FAIR MATCH! Relative difference <= 10%";
    case "POOR":
      return "POOR MATCH! Relative difference > 10%";
    case "NON-FINITE":
      return "NO MATCH! NaN or infinity in the output";
    case "INCONCLUSIVE":
      return "INCONCLUSIVE";
  }
}

function diagnosisLines({ layers }: CandidateReport, budgetLimit: number): string[] {
  return [
    heading(5, "Diagnosis"),
    ...groupDiagnoses(layers).flatMap(({ title, diagnosis }) => [
      "",
      ...(layers.length > 1 ? wrap(`${title}:`) : []),
      ...wrap(diagnosis.sentence).map((line) => pc.bold(line)),
      ...diagnosis.causes.flatMap(causeLines),
      ...pairs(figures(diagnosis, budgetLimit)),
      ...undecided(diagnosis),
    ]),
  ];
}

function causeLines({ says, stages, alternatives }: Cause): string[] {
  const [first = "", ...rest] = wrap(says, 6);
  const seen = `visible in ${listed(stages.map(shortStage))}`;
  const alike = alternatives.map((other) => `indistinguishable from: it ${other}`);
  return [`    • ${first.trimStart()}`, ...rest, ...[seen, ...alike].flatMap((line) => wrap(line, 8)).map(pc.dim)];
}

function figures({ causes, explained, rest, runs, unexplained }: DiagnosisReport, budgetLimit: number) {
  const error = `${scientific(rest.relative, 2)} relative, ${formatRatio(rest.ratio)} times the budget`;
  return [
    ...(causes.length === 0 || explained === null
      ? []
      : [{ term: "squared error explained", value: shareOf(explained) }]),
    { term: "remaining error", value: rest.relative === 0 ? "none" : `${error}: ${restWords(rest, budgetLimit)}` },
    ...(unexplained.length === 0 ? [] : [{ term: "unexplained", value: listed(unexplained.map(shortStage)) }]),
    { term: "hypotheses evaluated", value: String(runs) },
  ];
}

function undecided({ undecidable }: DiagnosisReport): string[] {
  if (undecidable.length === 0) return [];
  const lines = undecidable.flatMap((says) => wrap(`whether it ${says}`, 6));
  return [...wrap("Not visible in these stages, so not decided:", 4), ...lines].map(pc.dim);
}
