/**
 * All levels as one self-contained HTML file: the graphs of their kernels, side by side.
 *
 * The graphs show one layer, because further layers repeat it; the figures are those of the whole model.
 */

import { parts } from "../../architectures/parts.ts";
import { allBytes } from "../../engines/webgpu/explain/costs.ts";
import { explainLevels, type LevelDescription } from "../../engines/webgpu/explain/explain.ts";
import { count } from "../../format/numbers.ts";
import { renderDocument } from "../../verify/html/document.ts";
import { html, type Markup, named } from "../../verify/html/markup.ts";
import { classOf, levelGraph } from "./graph.ts";
import { type ExplainSettings, metric, short } from "./render.ts";

const ideas: Readonly<Record<LevelDescription["level"], string>> = {
  O0: "One kernel per operation, as the model is written.",
  O1: "Matmuls of the same operand become one: query, key and value.",
  O2: "Elementwise operations join their neighbours; attention, softmax and LayerNorm are one kernel each.",
  O3: "LayerNorm is folded into the matmuls before and after it.",
  O4: "Attention and feed-forward are subprograms that end with a LayerNorm kernel.",
};

/** One hue per part of the model, on light and on dark pages. */
const hues = ["#7a8694", "#2f7ed8", "#c2410c", "#d99a1c", "#16a34a", "#8b5cf6", "#d6409f", "#0d9488", "#854d0e"];

const graphStyle = `
main { max-width: none; }
.levels { display: grid; grid-template-columns: repeat(5, max-content); gap: 22px; align-items: start; }
.levels h3 { margin: 0; } .levels p { max-width: 15em; font-size: 0.9rem; min-height: 6.4em; }
.graph text { font: 11px var(--mono); fill: var(--text); } .graph .kind { fill: var(--muted); }
.graph .box { fill: var(--surface); stroke: var(--quiet); } .graph .kernel:hover .box { stroke: var(--text); }
.graph .edge path { fill: none; stroke: var(--quiet); opacity: 0.75; }
.graph .edge text { font-size: 9.5px; fill: var(--muted); paint-order: stroke; stroke: var(--page); stroke-width: 3px; }
.graph .edge:hover path { stroke: var(--link); opacity: 1; } .graph .edge:hover text { fill: var(--link); }
.parts { display: flex; flex-wrap: wrap; gap: 4px 18px; list-style: none; padding: 0; margin: 12px 0 24px;
  font-size: 0.88rem; }
.parts i { display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.45em; }
${hues.map((hue, index) => `.part-${index} { fill: ${hue}; background: ${hue}; }`).join("\n")}
`;

export function renderExplainHtml(settings: ExplainSettings, ladder: readonly LevelDescription[]): string {
  const { model, config, precision, tokens, version } = settings;
  const oneLayer = explainLevels({ ...config, layers: 1 }, precision, tokens);
  const main = html`<header><p class="eyebrow">fusebert explain ${version}</p>
<h1>${named(model)}: from ${count(ladder[0]?.totals.kernels)} kernels to ${count(ladder.at(-1)?.totals.kernels)}</h1>
<p class="lead">${config.layers} layers, hidden ${config.hiddenSize}, ${config.heads} heads; ${precision}, ${count(tokens)}
tokens.</p>
${ladderTable(ladder)}
</header>
<section aria-labelledby="graphs"><h2 id="graphs">What merged from level to level</h2>
<p class="lead">The embeddings, one layer and the head. A box is a kernel with the operations it computes, numbered in the
order of dispatch; a line is a tensor written to memory by one kernel and read by another, thicker for more bytes. A colour
is a part of the model, the same at every level. Point at a box or a line for its figures.</p>
<ul class="parts">${parts.map((part) => html`<li><i class="${classOf(part)}"></i>${part}</li>`)}</ul>
<div class="scroll" role="region" aria-label="Graphs of the five levels" tabindex="0"><div class="levels">
${oneLayer.map(
  (description) => html`<div><h3>${description.level}: ${description.kernels.length} kernels</h3>
<p class="quiet">${ideas[description.level]}</p>${levelGraph(description)}</div>`,
)}</div></div>
</section>`;
  return renderDocument(`fusebert explain: ${model}`, main, graphStyle);
}

function ladderTable(ladder: readonly LevelDescription[]): Markup {
  return html`<div class="scroll" role="region" aria-label="Level by level" tabindex="0"><table>
<caption>The whole model, level by level</caption>
<thead><tr><th scope="col">level</th><th scope="col">kernels</th><th scope="col">FLOP</th><th scope="col">read</th>
<th scope="col">written</th><th scope="col">FLOP/byte</th><th scope="col">arena</th></tr></thead>
<tbody>${ladder.map(({ level, totals, memory }) => {
    const { bytes } = totals;
    return html`<tr><th scope="row">${level}</th><td>${count(totals.kernels)}</td><td>${metric(totals.flops)}</td>
<td>${metric(allBytes(bytes) - bytes.written)}B</td><td>${metric(bytes.written)}B</td>
<td>${short(totals.intensity)}</td><td>${metric(memory.arenaBytes)}B</td></tr>`;
  })}</tbody></table></div>`;
}
