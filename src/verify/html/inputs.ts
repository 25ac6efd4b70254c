/**
 * The two tests before a layer's real weights: unit weights, and the embeddings in lower precisions.
 */

import { compact, count, decibel, formatCosine, formatIndex, formatShape, scientific } from "../../format/numbers.ts";
import { formatCorners } from "../compare/corners.ts";
import type { EmbeddingReport, UnitWeightReport } from "../report/report.ts";
import { badge, passBadge, scrolling, tensorPrint } from "./components.ts";
import { html, type Markup, named } from "./markup.ts";
import { explainUnitWeights, isJudged, unitWeightKinds } from "./words.ts";

export function unitWeightSection(tests: readonly UnitWeightReport[]): Markup | null {
  if (tests.length === 0) return null;
  const kinds = (["exact", "demo"] as const).filter((kind) => tests.some((test) => test.kind === kind));
  return html`<section id="unit-weights" aria-labelledby="unit-weights-title"><h2 id="unit-weights-title">Unit
weights</h2>
${kinds.map((kind) =>
  kindOf(
    kind,
    tests.filter((test) => test.kind === kind),
  ),
)}</section>`;
}

function kindOf(kind: UnitWeightReport["kind"], tests: readonly UnitWeightReport[]): Markup {
  return html`<h3>${kind === "exact" ? "Exact" : "The demo's"}</h3><p class="lead">${unitWeightKinds[kind]}</p>
<div class="tests">${tests.map(testCard)}</div>`;
}

function testCard(test: UnitWeightReport): Markup {
  const { candidate, precision, size, shape, original, found, statistics, passed, verdict, illConditioned } = test;
  const { nan, infinite, nearOverflow } = statistics;
  const same = formatCorners(original).join() === formatCorners(found).join();
  return html`<article class="test"><h4>${named(candidate)} <span class="quiet">${precision}, ${size}</span></h4>
<p>${passBadge(passed)} ${isJudged(test) ? badge(verdict) : html`<span class="tag">finite, not judged</span>`}
${illConditioned && html`<span class="tag">ill-conditioned</span>`}</p>
<p>${explainUnitWeights(test)}</p>
<p class="label">${same ? "Original and found, alike" : "Original"} <span class="quiet">${formatShape(shape)}</span>
</p>${tensorPrint(original, "Original")}
${!same && html`<p class="label">Found</p>${tensorPrint(found, "Found")}`}
<p class="quiet small">${count(statistics.count)} elements; ${count(nan)} NaN, ${count(infinite)} infinite,
${count(nearOverflow)} near overflow</p></article>`;
}

export function embeddingSection(embeddings: EmbeddingReport | null): Markup {
  const body =
    embeddings === null
      ? html`<p class="lead">The dump has its own hidden states, so no embeddings were computed.</p>`
      : roundTrips(embeddings);
  return html`<section id="embeddings" aria-labelledby="embeddings-title"><h2
id="embeddings-title">Embeddings</h2>${body}</section>`;
}

function roundTrips({ source, shape, values, roundTrips }: EmbeddingReport): Markup {
  const table = html`<table><caption>Stored in a lower precision and read back: the minimum error of any kernel with such
inputs.</caption>
<thead><tr><th scope="col">Precision</th><th scope="col" class="n">rel. L2</th><th scope="col" class="n">max |Δ|</th>
<th scope="col">at</th><th scope="col" class="n">mean |Δ|</th><th scope="col" class="n">max relative</th><th
scope="col" class="n">cosine</th><th scope="col" class="n">SQNR</th><th scope="col" class="n">ULP max</th></tr></thead>
<tbody>${roundTrips.map(
    ({ precision, statistics: s }) =>
      html`<tr><th scope="row">${precision}</th><td class="n">${scientific(s.l2Relative, 2)}</td><td
class="n">${scientific(s.maxAbsolute.value, 2)}</td><td class="quiet"><code>${formatIndex(s.maxAbsolute.index)}</code>
</td><td class="n">${scientific(s.meanAbsolute, 2)}</td><td class="n">${scientific(s.maxRelative.value, 2)}</td><td
class="n">${formatCosine(s.cosine)}</td><td class="n">${decibel(s.sqnr)}</td><td class="n">${compact(s.ulp.max)}</td>
</tr>`,
  )}</tbody></table>`;
  return html`<p class="lead">Of ${named(source)}, ${formatShape(shape)}.</p>${scrolling(table, "Round trips")}
<div class="tests"><div class="test"><h3
class="label">Embeddings</h3>${tensorPrint(values, "Embeddings")}</div>${roundTrips.map(
    ({ precision, delta }) =>
      html`<div class="test"><h3 class="label">${precision} read back −
original</h3>${tensorPrint(delta, `Delta of ${precision}`)}</div>`,
  )}</div>`;
}
