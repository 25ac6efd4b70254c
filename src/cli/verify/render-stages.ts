/**
 * Step 3 of `fusebert verify` on the terminal: a layer's stages and their figures. Several layers have a row each, and only
 * the most important one is shown in full.
 */
import pc from "picocolors";
import { compact, count, decibel, formatCosine, formatRatio, scientific, shortStage } from "../../format/numbers.ts";
import { left, right, wrap } from "../../format/text-layout.ts";
import { mostImportant } from "../../verify/html/stage-selection.ts";
import { instrumentedNote, shadowWords, shownComparison, worstStage } from "../../verify/html/words.ts";
import type { CandidateReport, Comparison, LayerReport, StageReport } from "../../verify/report/report.ts";
import { at } from "./render-inputs.ts";
import { coloured, colourOf, heading, pairs } from "./render-text.ts";

export function stageLines(candidate: CandidateReport): string[] {
  const { layers } = candidate;
  const shown = mostImportant(layers);
  if (shown === undefined) return [heading(3, "Stage by stage"), "", ...wrap("No layer was compared.")];
  const legend = wrap(`propagated: the candidate's own chain; shadow: ${shadowWords(candidate)}`).map(pc.dim);
  if (layers.length === 1) {
    return [heading(3, `Layer ${shown.layer}, stage by stage`), ...legend, "", ...tableOf(shown), ...worstLines(shown)];
  }
  const why = shown.firstDivergent === null ? "nearest to its limit" : "the first that diverges";
  return [
    heading(3, `${layers.length} layers`),
    "",
    ...layerTable(layers, shown),
    "",
    pc.bold(`   Layer ${shown.layer} (${why}), stage by stage`),
    ...legend,
    "",
    ...tableOf(shown),
    ...worstLines(shown),
  ];
}

/** Marker 2, stage 23, then error, budget, ratio, verdict, error, verdict: at most 80 columns. */
function tableOf(layer: LayerReport): string[] {
  const head = `  ${left("stage", 23)}${["rel. L2", "budget", "ratio"].map((word) => right(word, 8)).join("")}`;
  const rows = layer.stages.map((stage) => stageRow(stage, stage.stage === layer.firstDivergent));
  const note = instrumentedNote(layer.stages);
  return [
    `${pc.dim(`${head}  ${left("verdict", 10)} ${right("shadow", 7)}  verdict`)}`,
    ...rows,
    ...(note === "" ? [] : wrap(`* ${note}`).map(pc.dim)),
    ...elsewhereLines(layer),
    ...skippedLines(layer),
  ];
}

function elsewhereLines({ stages }: LayerReport): string[] {
  const found = stages.flatMap(({ stage, dumpedElsewhere }) =>
    dumpedElsewhere === null ? [] : [`${shortStage(stage)}: dumped ${dumpedElsewhere}, and compared there`],
  );
  return found.flatMap((line) => wrap(line)).map(pc.dim);
}

function stageRow({ stage, propagated, shadow, production }: StageReport, firstDivergent: boolean): string {
  const marker = firstDivergent ? pc.red("→ ") : "  ";
  const name = left(`${shortStage(stage)}${production ? "" : "*"}`, 23);
  return `${marker}${firstDivergent ? pc.bold(name) : name}${propagatedCells(propagated)} ${shadowCells(shadow)}`.trimEnd();
}

function propagatedCells(comparison: Comparison | null): string {
  if (comparison === null) return pc.dim(left("       -  not compared", 36));
  const { statistics, budget, ratio, verdict } = comparison;
  const figures = [scientific(statistics.l2Relative), scientific(budget), formatRatio(ratio)];
  return `${figures.map((figure) => right(figure, 8)).join("")}  ${coloured(verdict, 10)}`;
}

function shadowCells(comparison: Comparison | null): string {
  if (comparison === null) return pc.dim(`${right("-", 7)}  skipped`);
  return `${right(scientific(comparison.statistics.l2Relative), 7)}  ${coloured(comparison.verdict)}`;
}

function skippedLines({ stages }: LayerReport): string[] {
  const skipped = stages.flatMap(({ stage, shadow, shadowSkipped }) => {
    return shadow === null && shadowSkipped !== null ? [`${shortStage(stage)}: ${shadowSkipped}`] : [];
  });
  return skipped.flatMap((reason) => wrap(`no shadow of ${reason}`)).map(pc.dim);
}

function worstLines(layer: LayerReport): string[] {
  const stage = worstStage(layer);
  const comparison = stage === undefined ? null : shownComparison(stage);
  if (stage === undefined || comparison === null) return [];
  const { statistics: figures, verdict } = comparison;
  const { ulp, minimumTolerance: tolerance } = figures;
  const mode = stage.propagated === null ? "shadow" : "propagated";
  const counts = [figures.nan, figures.infinite, figures.nearOverflow];
  const nonFinite = figures.firstNonFinite === null ? "" : `, the first ${at(figures.firstNonFinite)}`;
  return [
    "",
    `  Furthest from its budget: ${colourOf(verdict)(shortStage(stage.stage))} (${mode})`,
    ...pairs([
      { term: "max |difference|", value: at(figures.maxAbsolute) },
      { term: "max relative", value: at(figures.maxRelative) },
      { term: "cosine", value: formatCosine(figures.cosine) },
      { term: "SQNR", value: decibel(figures.sqnr) },
      {
        term: "ULP median, 90 %, 99 %, max",
        value: [ulp.median, ulp.p90, ulp.p99, ulp.max].map((u) => compact(u)).join(", "),
      },
      {
        term: "allclose would pass with",
        value: `atol ${scientific(tolerance.absolute, 2)}, or rtol ${scientific(tolerance.relative, 2)}`,
      },
      {
        term: "NaN, infinite, near overflow",
        value: `${counts.map(count).join(", ")} of ${count(figures.count)}${nonFinite}`,
      },
    ]),
  ];
}

function layerTable(layers: readonly LayerReport[], marked: LayerReport): string[] {
  const output = `${right("layer", 7)}${right("output", 9)}${right("budget", 9)}${right("ratio", 8)}`;
  const head = `${output}   ${left("worst stage", 23)}${right("ratio", 8)}  verdict`;
  return [pc.dim(head), ...layers.map((layer) => layerRow(layer, layer === marked && layer.firstDivergent !== null))];
}

function layerRow(layer: LayerReport, firstDivergent: boolean): string {
  const last = layer.stages.at(-1);
  const output = last === undefined ? null : shownComparison(last);
  const worst = worstStage(layer);
  const errors = [output?.statistics.l2Relative, output?.budget].map((value) => right(scientific(value), 9)).join("");
  const outputCells = `${right(String(layer.layer), 5)}${errors}${right(formatRatio(output?.ratio), 8)}`;
  const worstRatio = worst === undefined ? undefined : shownComparison(worst)?.ratio;
  const marker = firstDivergent ? pc.red("→ ") : "  ";
  const worstCells = `${left(shortStage(worst?.stage ?? "-"), 23)}${right(formatRatio(worstRatio), 8)}`;
  return `${marker}${outputCells}   ${worstCells}  ${coloured(layer.verdict)}`;
}
