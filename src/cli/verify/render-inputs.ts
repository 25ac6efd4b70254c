/**
 * Steps 1 and 2 of `fusebert verify` on the terminal: unit weights, and the embeddings in lower precisions.
 */
import pc from "picocolors";
import { compact, decibel, formatCosine, formatIndex, formatShape, scientific } from "../../format/numbers.ts";
import { clip, width, wrap } from "../../format/text-layout.ts";
import { formatCorners } from "../../verify/compare/corners.ts";
import { explainUnitWeights, isJudged, unitWeightKinds } from "../../verify/html/words.ts";
import type { Corners, EmbeddingReport, RoundTrip, UnitWeightReport } from "../../verify/report/report.ts";
import { colourOf, heading, pairs } from "./render-text.ts";

/** Step 1. The original of several candidates is printed once. */
export function renderUnitWeights(reports: readonly UnitWeightReport[]): string {
  const lines = [heading(1, "Unit weights")];
  for (const kind of ["exact", "demo"] as const) {
    const tests = reports.filter((report) => report.kind === kind);
    if (tests.length === 0) continue;
    const title = kind === "exact" ? "Exact" : "The demo's";
    lines.push("", ...wrap(`${title}. ${unitWeightKinds[kind]}`).map(pc.dim), ...testsOf(tests));
  }
  if (reports.length === 0) lines.push("", ...wrap("Not tested: a dump cannot be run again with other weights."));
  return `${lines.join("\n")}\n`;
}

function testsOf(tests: readonly UnitWeightReport[]): string[] {
  let shown = "";
  return tests.flatMap((test) => {
    const original = tensorLines(test.original);
    const shape = formatShape(test.shape);
    const title = `Original, ${test.size}${test.size.includes(shape) ? "" : `, ${shape}`}:`;
    const repeated = shown === `${title}${original}`;
    shown = `${title}${original}`;
    return [...(repeated ? [] : ["", `  ${clip(title, width - 2)}`, ...original]), ...foundLines(test)];
  });
}

function foundLines(test: UnitWeightReport): string[] {
  const { candidate, precision, found, passed, verdict, illConditioned } = test;
  const { nan, infinite, nearOverflow } = test.statistics;
  const judged = isJudged(test) ? verdict : "finite, not judged";
  const words = `${passed ? "PASSED" : "FAILED"}, ${judged}${illConditioned ? ", ill-conditioned" : ""}`;
  const counts = `${nan} NaN, ${infinite} infinite, ${nearOverflow} near overflow.`;
  return [
    "",
    `  ${clip(`${candidate}, ${precision}`, width - 3)}:`,
    ...tensorLines(found),
    `  ${colourOf(passed ? "GOOD" : verdict)(words)}`,
    ...wrap(`${explainUnitWeights(test)} ${counts}`.trim()),
  ];
}

/** Step 2. @param report null for a dump with its own hidden states. */
export function renderEmbeddings(report: EmbeddingReport | null): string {
  const lines = [heading(2, "Embeddings, and what lower precisions make of them"), ""];
  if (report === null) lines.push(...wrap("The dump has its own hidden states, so no embeddings were computed."));
  else {
    lines.push(`  ${clip(`Of ${report.source}, ${formatShape(report.shape)}:`, width - 2)}`);
    lines.push(...tensorLines(report.values), ...report.roundTrips.flatMap(roundTripLines));
  }
  return `${lines.join("\n")}\n`;
}

function roundTripLines({ precision, statistics, delta }: RoundTrip): string[] {
  const { maxAbsolute, maxRelative, meanAbsolute, l2Absolute, l2Relative, cosine, sqnr, ulp } = statistics;
  return [
    "",
    `  Delta of the ${precision} round trip (read back - original):`,
    ...tensorLines(delta),
    ...pairs([
      { term: "L2 norm difference", value: scientific(l2Absolute, 3) },
      { term: "relative L2", value: scientific(l2Relative, 2) },
      { term: "max, mean |delta|", value: `${at(maxAbsolute)}, ${scientific(meanAbsolute, 2)}` },
      { term: "max relative", value: at(maxRelative) },
      { term: "cosine, SQNR", value: `${formatCosine(cosine)}, ${decibel(sqnr)}` },
      { term: "ULP median, max", value: `${compact(ulp.median)}, ${compact(ulp.max)}` },
    ]),
  ];
}

/** A value and its index. */
export function at({ value, index }: { readonly value: number; readonly index: readonly number[] }): string {
  return index.length === 0 ? scientific(value, 2) : `${scientific(value, 2)} at ${formatIndex(index)}`;
}

export function tensorLines(corners: Corners): string[] {
  return formatCorners(corners).map((line) => `  ${line}`);
}
