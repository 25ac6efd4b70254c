/**
 * The five weight layouts side by side: the result of each, and the layout recognised in it.
 */

import { formatRatio, formatShape, percent, ranges, scientific } from "../../format/numbers.ts";
import type { CandidateReport, Corners, LayoutReport } from "../report/report.ts";
import { type ColourScale, colourScale, legend } from "./colour-scale.ts";
import { badge, scrolling } from "./components.ts";
import { heatMap } from "./heat-map.ts";
import { html, type Markup } from "./markup.ts";
import { noLayoutsWords, recognisedWords } from "./words.ts";

export function layouts(candidate: CandidateReport): Markup {
  if (candidate.layouts.length === 0) return html`<p class="lead">${noLayoutsWords(candidate)}</p>`;
  const scale = colourScale(candidate.layouts.map(({ comparison }) => comparison.statistics.heatmap));
  return html`<p class="lead">The same weights as flat buffers in five layouts, which the candidate does not know. Layouts 1
and 5 are the original's; the others must be poor matches, each recognised as its layout.</p>
${legend(scale)}<ol class="layouts">${candidate.layouts.map((layout) => layoutCard(layout, scale))}</ol>`;
}

function layoutCard(layout: LayoutReport, scale: ColourScale): Markup {
  const { number, name, comparison, delta, sameBytesAs, asExpected } = layout;
  const { statistics, verdict, ratio } = comparison;
  const same = sameBytesAs.length === 0 ? "no other" : ranges(sameBytesAs);
  return html`<li class="layout"><h4><span class="number" aria-hidden="true">${number}</span> ${name}</h4>
<p>${badge(verdict)}${
    !asExpected &&
    html` <span class="badge badge-poor"><span aria-hidden="true">!</span> not as
expected</span>`
  }</p>
${heatMap(statistics.heatmap, scale, `the output with layout ${number}`)}
${cornerTable(delta, number)}
<dl class="pairs"><div><dt>L2 norm difference</dt><dd>${scientific(statistics.l2Absolute, 3)}</dd></div>
<div><dt>relative difference</dt><dd>${percent(statistics.l2Relative)}</dd></div>
<div><dt>ratio to the budget</dt><dd>${formatRatio(ratio)}</dd></div>
<div><dt>recognised</dt><dd>${recognisedWords(layout).replace("recognised as ", "as ")}</dd></div>
<div><dt>same bytes as</dt><dd>${same}</dd></div></dl></li>`;
}

/** A common power of ten above the table makes six columns fit into a card. */
function cornerTable(delta: Corners, number: number): Markup {
  const exponent = commonExponent(delta);
  const write = (value: number | null) => {
    if (value === null || !Number.isFinite(value)) return value === null || Number.isNaN(value) ? "nan" : "inf";
    return value === 0 ? "0" : (value / 10 ** exponent).toFixed(2);
  };
  const rows = delta.rows.map((row) => row.map(write));
  const caption = exponent === 0 ? "" : html`, × 10<sup>${exponent}</sup>`;
  const table = html`<table class="corners"><caption>Delta, ${formatShape(delta.shape)}${caption}</caption>
<tbody>${rows.flatMap((row, index) => [
    delta.rowsElided &&
      index === 3 &&
      html`<tr>${cells(
        row.map(() => "…"),
        delta.columnsElided,
      )}</tr>`,
    html`<tr>${cells(row, delta.columnsElided)}</tr>`,
  ])}</tbody></table>`;
  return scrolling(table, `Delta of layout ${number}, corners`);
}

function cells(row: readonly string[], elided: boolean): Markup[] {
  const all = row.map((text) => html`<td>${text}</td>`);
  if (elided) all.splice(3, 0, html`<td class="quiet">…</td>`);
  return all;
}

/** The exponent of the largest element; 0 for numbers near one. */
function commonExponent({ rows }: Corners): number {
  const sizes = rows.flat().flatMap((value) => (value !== null && Number.isFinite(value) ? Math.abs(value) : []));
  const largest = Math.max(0, ...sizes);
  if (largest === 0 || (largest >= 0.1 && largest < 100)) return 0;
  return Math.max(Math.floor(Math.log10(largest)), -300);
}
