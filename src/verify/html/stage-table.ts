/**
 * Tables of the stages of each layer, and of the layers if there are several.
 */

import { decibel, formatIndex, formatRatio, scientific, shortStage } from "../../format/numbers.ts";
import type { CandidateReport, Comparison, LayerReport, StageReport, Statistics } from "../report/report.ts";
import { badge, firstDivergentMark, scrolling } from "./components.ts";
import { type Content, html, type Markup } from "./markup.ts";
import { mostImportant } from "./stage-selection.ts";
import { instrumentedNote, shadowWords, shownComparison, worstStage } from "./words.ts";

export function stageTables(candidate: CandidateReport): Markup {
  const { layers } = candidate;
  if (layers.length <= 1) return html`${explanation(candidate)}${layers.map((layer) => stageTable(layer))}`;
  const first = mostImportant(layers);
  return html`${layerTable(layers)}${explanation(candidate)}${layers.map((layer) => {
    const open = layer === first ? trueAttribute : "";
    return html`<details${open}><summary>Layer ${layer.layer}, stage by stage
${badge(layer.verdict)}</summary>${stageTable(layer)}</details>`;
  })}`;
}

const trueAttribute = html` open`;

function stageTable(layer: LayerReport): Markup {
  const table = html`<table>
<caption>Layer ${layer.layer}, stage by stage</caption>
<thead>
<tr><td class="empty"></td><th scope="colgroup" colspan="4">Propagated</th><th scope="colgroup" colspan="4">Shadow</th>
<th scope="colgroup" colspan="6">${detailsTitle(layer)}</th></tr>
<tr><th scope="col">Stage</th>${comparisonHeads}${comparisonHeads}
<th scope="col" class="n">max |Δ|</th><th scope="col">at</th><th scope="col" class="n">SQNR</th><th scope="col"
class="n">ULP median, p99</th><th scope="col" class="n">NaN, Inf</th><th scope="col" class="n">near overflow</th></tr>
</thead>
<tbody>${layer.stages.map((stage) => stageRow(stage, stage.stage === layer.firstDivergent))}</tbody>
</table>`;
  return scrolling(table, `Stages of layer ${layer.layer}`);
}

const comparisonHeads = html`<th scope="col" class="n">rel. L2</th><th scope="col" class="n">budget</th><th scope="col"
class="n">ratio</th><th scope="col">verdict</th>`;

function detailsTitle({ stages }: LayerReport): string {
  return stages.some(({ propagated }) => propagated !== null) ? "Propagated, in detail" : "Shadow, in detail";
}

/** Explains the columns above the table, because a phone would cut off a caption. */
function explanation(candidate: CandidateReport): Markup {
  return html`<p class="lead"><b>Propagated</b>: the candidate's own chain. <b>Shadow</b>:
${shadowWords(candidate)}.${note(candidate)}</p>`;
}

function note({ layers }: CandidateReport): Content {
  const note = instrumentedNote(layers.flatMap(({ stages }) => stages));
  return note !== "" && html` <span class="tag">instrumented</span>: ${note}.`;
}

function stageRow(stage: StageReport, firstDivergent: boolean): Markup {
  const { propagated, shadow, shadowSkipped, dumpedElsewhere, production } = stage;
  const details = shownComparison(stage);
  const marks = html`${firstDivergent && firstDivergentMark()}${
    !production && html` <span class="tag">instrumented</span>`
  }${dumpedElsewhere !== null && html`<span class="place">dumped ${dumpedElsewhere}</span>`}`;
  return html`<tr${firstDivergent && html` class="first-row"`}><th
scope="row"><code>${shortStage(stage.stage)}</code>${marks}</th>
${comparisonCells(propagated, "not compared")}
${comparisonCells(shadow, shadowSkipped ?? "not compared")}
${details === null ? html`<td colspan="6"></td>` : detailCells(details.statistics)}</tr>`;
}

function comparisonCells(comparison: Comparison | null, why: string): Markup {
  if (comparison === null) return html`<td colspan="4" class="quiet why">${why}</td>`;
  const { statistics, budget, ratio, verdict } = comparison;
  return html`<td class="n">${scientific(statistics.l2Relative, 2)}</td><td
class="n quiet">${scientific(budget, 2)}</td><td class="n">${formatRatio(ratio)}</td><td>${badge(verdict)}</td>`;
}

function detailCells({ maxAbsolute, sqnr, ulp, nan, infinite, nearOverflow }: Statistics): Markup {
  const count = (value: number) => (value === 0 ? html`<span class="quiet">0</span>` : html`<b>${value}</b>`);
  return html`<td class="n">${scientific(maxAbsolute.value, 2)}</td><td
class="quiet"><code>${formatIndex(maxAbsolute.index)}</code></td><td class="n">${decibel(sqnr)}</td><td
class="n">${formatRatio(ulp.median)}, ${formatRatio(ulp.p99)}</td><td class="n">${count(nan)}, ${count(infinite)}</td>
<td class="n">${count(nearOverflow)}</td>`;
}

function layerTable(layers: readonly LayerReport[]): Markup {
  const firstDivergent = layers.find((layer) => layer.firstDivergent !== null);
  const table = html`<table>
<caption>The layers: what each gives to the next, and its stage furthest from the budget.</caption>
<thead><tr><th scope="col">Layer</th><th scope="col" class="n">output rel. L2</th><th scope="col" class="n">budget</th>
<th scope="col" class="n">ratio</th><th scope="col">worst stage</th><th scope="col" class="n">ratio</th><th
scope="col">first divergent</th><th scope="col">verdict</th></tr></thead>
<tbody>${layers.map((layer) => layerRow(layer, layer === firstDivergent))}</tbody></table>`;
  return scrolling(table, "Layers");
}

function layerRow(layer: LayerReport, isFirst: boolean): Markup {
  const last = layer.stages.at(-1);
  const output = last === undefined ? null : shownComparison(last);
  const worst = worstStage(layer);
  const worstComparison = worst === undefined ? null : shownComparison(worst);
  return html`<tr${isFirst && html` class="first-row"`}><th
scope="row">${layer.layer}${isFirst && firstDivergentMark()}</th>
<td class="n">${scientific(output?.statistics.l2Relative, 2)}</td><td
class="n quiet">${scientific(output?.budget, 2)}</td><td class="n">${formatRatio(output?.ratio)}</td>
<td><code>${shortStage(worst?.stage ?? "–")}</code></td><td class="n">${formatRatio(worstComparison?.ratio)}</td>
<td><code>${shortStage(layer.firstDivergent ?? "–")}</code></td><td>${badge(layer.verdict)}</td></tr>`;
}
