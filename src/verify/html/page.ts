/**
 * The report as one self-contained HTML file, without network access, scripts or fonts.
 *
 * It starts with whether the candidates match, and why not; the evidence for each candidate follows.
 *
 * Must stay true: all text of the report goes through `html` (markup.ts) and is escaped.
 */
import { checkFields } from "../../arguments.ts";
import { compact, count, formatShape } from "../../format/numbers.ts";
import type { CandidateReport, UnitWeightReport, VerifyReport } from "../report/report.ts";
import { verdicts } from "../report/verdict.ts";
import { candidateSection } from "./candidate.ts";
import { badge, facts, passBadge } from "./components.ts";
import { renderDocument } from "./document.ts";
import { embeddingSection, unitWeightSection } from "./inputs.ts";
import { type Content, html, type Markup, named } from "./markup.ts";
import { explainUnitWeights, findings, headline, kinds, meaning } from "./words.ts";

export function renderHtml(report: VerifyReport): string {
  checkFields(report, "the report", { schema: "a string", candidates: "a list", unitWeights: "a list" });
  const { candidates, budgetLimit, passed, model } = report;
  const title = `${passed ? "✓" : "✗"} fusebert verify: ${model}`;
  const main = html`${summary(report)}
${candidates.map((candidate, index) => candidateSection(candidate, index, budgetLimit))}
${unitWeightSection(report.unitWeights)}
${embeddingSection(report.embeddings)}
${glossary(budgetLimit)}`;
  return renderDocument(title, main);
}

function summary(report: VerifyReport): Markup {
  const { candidates, unitWeights, passed, model } = report;
  return html`<header>
<p class="eyebrow">fusebert verify</p>
<h1>${passBadge(passed)} ${headline(report)}</h1>
<ul class="findings">${candidates.map(candidateLine)}${unitWeightLines(unitWeights)}</ul>
${facts([
  { term: "model", value: named(model) },
  { term: "batch × sequence × hidden", value: formatShape([report.batch, report.sequence, report.hidden]) },
  { term: "good up to", value: `${report.budgetLimit} × the budget` },
  { term: "seed", value: String(report.seed) },
  { term: "took", value: `${compact(report.seconds)} s` },
  { term: "fusebert", value: report.version },
])}
<nav aria-label="Sections"><ul>${candidates.map(({ name }, index) => link(`candidate-${index + 1}`, named(name)))}
${unitWeights.length > 0 && link("unit-weights", "Unit weights")}
${link("embeddings", "Embeddings")}
${link("reading", "How to read this")}</ul></nav>
</header>`;
}

function link(id: string, words: Content): Markup {
  return html`<li><a href="#${id}">${words}</a></li>`;
}

/** A candidate's tests often fail for one reason, so only the first failure is shown. */
function unitWeightLines(tests: readonly UnitWeightReport[]): Markup[] {
  const failed = tests.filter(({ passed }) => !passed);
  const names = [...new Set(failed.map(({ candidate }) => candidate))];
  return names.flatMap((name) => {
    const all = tests.filter(({ candidate }) => candidate === name);
    const failures = failed.filter(({ candidate }) => candidate === name);
    return failures.slice(0, 1).map((test) => {
      const { verdict, kind, precision, size } = test;
      return html`<li>${badge(verdict)} <a href="#unit-weights">${named(name)} with unit weights</a>
<span class="quiet">${failures.length} of ${all.length} tests failed, the first: ${kind}, ${precision}, ${size}</span>
<p>${explainUnitWeights(test)}</p></li>`;
    });
  });
}

function candidateLine(candidate: CandidateReport, index: number): Markup {
  const { name, verdict, precision, kind, layers } = candidate;
  const compared = layers.length === 1 ? `layer ${layers[0]?.layer}` : `${count(layers.length)} layers`;
  const what = layers.length === 0 ? kinds[kind] : `${kinds[kind]}, ${precision}, ${compared}`;
  return html`<li>${badge(verdict)} <a href="#candidate-${index + 1}">${named(name)}</a>
<span class="quiet">${what}</span>${findings(candidate).map((sentence) => html`<p>${sentence}</p>`)}</li>`;
}

function glossary(budgetLimit: number): Markup {
  return html`<section id="reading" aria-labelledby="reading-title"><h2 id="reading-title">How to read this</h2>
<dl class="glossary">
<div><dt>Relative L2</dt><dd>‖candidate − original‖₂ / ‖original‖₂, over real positions: padding is never
compared.</dd></div>
<div><dt>Budget</dt><dd>The relative L2 error of the original computed with every stage rounded to the candidate's
precision: what an ordinary implementation cannot avoid. A budget of 0 demands equality.</dd></div>
<div><dt>Ratio</dt><dd>Relative L2 over the budget. Up to ${budgetLimit} is good.</dd></div>
<div><dt>Propagated and shadow</dt><dd>The candidate's own chain, in which errors add up; and each stage by itself. A
stage that is wrong only when propagated inherited its error; one that is wrong in the shadow is at fault.</dd></div>
${verdicts.map((verdict) => html`<div><dt>${badge(verdict)}</dt><dd>${meaning(verdict, budgetLimit)}</dd></div>`)}
</dl></section>`;
}
