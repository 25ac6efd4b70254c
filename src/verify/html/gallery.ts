/**
 * One picture per stage: where the differences are, and how large, all in one colour scale.
 */

import { formatIndex, scientific, shortStage } from "../../format/numbers.ts";
import type { CandidateReport, Comparison } from "../report/report.ts";
import { type ColourScale, colourScale, legend } from "./colour-scale.ts";
import { badge } from "./components.ts";
import { heatMap } from "./heat-map.ts";
import { type HistogramAxes, histogramAxes, histogramChart } from "./histogram-chart.ts";
import { html, type Markup } from "./markup.ts";
import { selectStages } from "./stage-selection.ts";
import { shownComparison, wrongInThemselves } from "./words.ts";

/** Maximum number of pictures of stages that are wrong in themselves. */
const maxWrong = 12;

export function gallery(candidate: CandidateReport): Markup {
  const { stages, leftOut } = selectStages(candidate);
  const wrong = candidate.layers.flatMap(wrongInThemselves).filter(({ propagated }) => propagated !== null);
  const wrongShown = wrong.slice(0, maxWrong);
  const name = candidate.layers.length > 1 ? (stage: string) => stage : shortStage;
  const shown = [...stages.map(shownComparison), ...wrongShown.map(({ shadow }) => shadow)];
  const compared = shown.flatMap((comparison) => comparison?.statistics ?? []);
  const axes = histogramAxes(compared.map(({ histogram }) => histogram));
  const scale = colourScale(compared.map(({ heatmap }) => heatmap));
  const pictures = stages.map((stage) => {
    const title = `${name(stage.stage)}${stage.propagated === null ? " (shadow)" : ""}`;
    return picture({ stage: stage.stage, title, comparison: shownComparison(stage) }, axes, scale);
  });
  const wrongPictures = wrongShown.map(({ stage, shadow }) => {
    return picture({ stage, title: `${name(stage)} (shadow)`, comparison: shadow }, axes, scale);
  });
  return html`<p class="lead">A cell is the largest |difference| of its elements; rows are positions (of all heads, for
scores), columns are features. Below it, a histogram of the differences. All stages of this candidate share one colour
scale.${leftOut !== null && html` <b>${leftOut}</b>`}</p>
${legend(scale)}<div class="gallery">${pictures}</div>
${
  wrongShown.length > 0 &&
  html`<h4>Wrong in themselves</h4><p
class="lead">${wrongWords(wrongShown.length, wrong.length)}</p>`
}
<div class="gallery">${wrongPictures}</div>`;
}

/** Where propagated errors hide it, the shadow comparison still shows the pattern of the fault. */
function wrongWords(shown: number, all: number): string {
  const some = all > shown ? ` These are the first ${shown} of ${all}.` : "";
  return `These stages are wrong even with right inputs (shadow): the fault is in their own computation.${some}`;
}

interface Pictured {
  readonly stage: string;
  readonly title: string;
  readonly comparison: Comparison | null;
}

function picture({ stage, title, comparison }: Pictured, axes: HistogramAxes, scale: ColourScale): Markup | null {
  if (comparison === null) return null;
  const { statistics, verdict } = comparison;
  const { maxAbsolute, heatmap, histogram } = statistics;
  return html`<figure class="picture"><figcaption><code title="${stage}">${title}</code>${badge(verdict)}</figcaption>
${heatMap(heatmap, scale, stage)}${histogramChart(histogram, axes, scale, stage)}
<p class="quiet small">max ${scientific(maxAbsolute.value)} at ${formatIndex(maxAbsolute.index) || "–"}</p></figure>`;
}
