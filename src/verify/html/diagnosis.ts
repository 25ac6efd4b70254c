/**
 * Why a candidate deviates: the causes, the evidence for each, and the unexplained rest.
 */

import { count, formatRatio, scientific, shareOf, shortStage } from "../../format/numbers.ts";
import type { CandidateReport, Cause, DiagnosisReport } from "../report/report.ts";
import { facts, scrolling } from "./components.ts";
import { html, type Markup } from "./markup.ts";
import { groupDiagnoses, restWords } from "./words.ts";

export function diagnoses({ layers, inconclusive }: CandidateReport, budgetLimit: number): Markup {
  if (layers.length === 0) return html`<p class="lead">${inconclusive ?? "Nothing was compared."}</p>`;
  return html`${groupDiagnoses(layers).map(({ title, diagnosis }) => {
    return html`${layers.length > 1 && html`<h4>${title}</h4>`}${diagnosisOf(diagnosis, budgetLimit)}`;
  })}`;
}

function diagnosisOf(diagnosis: DiagnosisReport, budgetLimit: number): Markup {
  const { sentence, causes, unexplained, undecidable } = diagnosis;
  return html`<p class="finding">${sentence}</p>
${causes.length > 0 && causeTable(causes)}
${figures(diagnosis, budgetLimit)}
${
  unexplained.length > 0 &&
  html`<p><b>Unexplained.</b> Neither rounding nor any hypothesis accounts for the error of
${stageList(unexplained)}.</p>`
}
${
  undecidable.length > 0 &&
  html`<p><b>Could not be decided,</b> because it makes no visible difference in the stages
given:</p><ul>${undecidable.map((says) => html`<li>whether it ${says}</li>`)}</ul>`
}`;
}

function causeTable(causes: readonly Cause[]): Markup {
  const table = html`<table><caption>What it does differently</caption>
<thead><tr><th scope="col">It</th><th scope="col">visible in</th><th scope="col">indistinguishable from</th><th
scope="col">id</th></tr></thead>
<tbody>${causes.map(
    ({
      id,
      says,
      stages,
      alternatives,
    }) => html`<tr><th scope="row" class="says">${says}</th><td class="says">${stageList(stages)}</td>
<td class="says">${
      alternatives.length === 0
        ? html`<span class="quiet">nothing
else</span>`
        : html`<ul>${alternatives.map((other) => html`<li>it ${other}</li>`)}</ul>`
    }</td><td><code>${id}</code>
</td></tr>`,
  )}</tbody></table>`;
  return scrolling(table, "Causes");
}

const stageList = (stages: readonly string[]): Markup[] =>
  stages.map((stage, index) => html`${index > 0 && ", "}<code>${shortStage(stage)}</code>`);

function figures({ causes, explained, rest, runs }: DiagnosisReport, budgetLimit: number): Markup {
  return facts([
    ...(causes.length === 0 || explained === null
      ? []
      : [{ term: "squared error explained", value: shareOf(explained) }]),
    {
      term: "remaining error, relative",
      value: html`${scientific(rest.relative, 2)} <span class="quiet">${restWords(rest, budgetLimit)}</span>`,
    },
    { term: "remaining error over the budget", value: formatRatio(rest.ratio) },
    { term: "hypotheses evaluated", value: count(runs) },
  ]);
}
