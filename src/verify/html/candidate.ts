/**
 * The page's section on one candidate.
 */
import type { CandidateReport } from "../report/report.ts";
import { badge } from "./components.ts";
import { diagnoses } from "./diagnosis.ts";
import { errorCharts } from "./error-chart.ts";
import { gallery } from "./gallery.ts";
import { layouts } from "./layouts.ts";
import { html, type Markup, named } from "./markup.ts";
import { stageTables } from "./stage-table.ts";
import { kinds } from "./words.ts";

export function candidateSection(candidate: CandidateReport, index: number, budgetLimit: number): Markup {
  const { name, kind, precision, verdict, note, inconclusive, layers } = candidate;
  return html`<section id="candidate-${index + 1}" aria-labelledby="candidate-${index + 1}-title">
<h2 id="candidate-${index + 1}-title">${named(name)} ${badge(verdict)}</h2>
<p class="lead">${kinds[kind]}, ${precision}</p>
${note !== null && html`<p class="lead">${note}</p>`}
${inconclusive !== null && html`<p class="finding">${inconclusive}</p>`}
${(inconclusive === null || layers.length > 0) && comparisons(candidate, budgetLimit)}</section>`;
}

function comparisons(candidate: CandidateReport, budgetLimit: number): Markup {
  return html`<h3>Stage by stage</h3>${stageTables(candidate)}
<h3>How the error grows</h3>${errorCharts(candidate, budgetLimit)}
<h3>Where the differences are</h3>${gallery(candidate)}
<h3>Five weight layouts</h3>${layouts(candidate)}
<h3>Diagnosis</h3>${diagnoses(candidate, budgetLimit)}`;
}
