/**
 * Charts of the error by stage and layer, compared with the error of an ordinary implementation of the same precision.
 *
 * The shaded area is good, so that a point's height shows its verdict; so does its shape.
 */
import * as Plot from "@observablehq/plot";
import { formatRatio, powerOfTen, scientific, shortStage } from "../../format/numbers.ts";
import type { CandidateReport, Comparison } from "../report/report.ts";
import { type Verdict, verdicts } from "../report/verdict.ts";
import { badge } from "./components.ts";
import { html, type Markup } from "./markup.ts";
import { draw } from "./svg.ts";
import { shadowWords } from "./words.ts";

interface Point {
  readonly place: number;
  readonly stage: string;
  readonly layer: number;
  readonly error: number | null;
  readonly budget: number | null;
  readonly good: number | null;
  readonly verdict: Verdict | null;
  readonly title: string;
}

type Mode = "propagated" | "shadow";

export const verdictColours: Readonly<Record<Verdict, string>> = {
  IDENTICAL: "var(--identical)",
  GOOD: "var(--good)",
  FAIR: "var(--fair)",
  POOR: "var(--poor)",
  "NON-FINITE": "var(--non-finite)",
  INCONCLUSIVE: "var(--quiet)",
};

const shapes: Readonly<Record<Verdict, "circle" | "triangle" | "square" | "times" | "diamond">> = {
  IDENTICAL: "diamond",
  GOOD: "circle",
  FAIR: "triangle",
  POOR: "square",
  "NON-FINITE": "times",
  INCONCLUSIVE: "times",
};

/** Above this relative error a match is poor in any precision. */
const poorAbove = 0.1;

export function errorCharts(candidate: CandidateReport, budgetLimit: number): Markup {
  const all = (["propagated", "shadow"] as const).map((mode) => ({
    mode,
    points: pointsOf(candidate, mode, budgetLimit),
  }));
  const shown = all.filter(({ points }) => points.length > 0);
  if (shown.length === 0) return html`<p class="nothing">No stage could be compared.</p>`;
  const domain = domainOf(shown.flatMap(({ points }) => points));
  const wide = candidate.layers.length > 1;
  const words: Readonly<Record<Mode, string>> = {
    propagated: "the candidate's own chain, errors add up",
    shadow: shadowWords(candidate),
  };
  return html`<div class="charts${wide ? " charts-wide" : ""}">${shown.map(({ mode, points }) => {
    const title = mode === "propagated" ? "Propagated" : "Shadow";
    return html`<figure><figcaption><b>${title}</b>: ${words[mode]}</figcaption><div class="scroll">${chart(
      points,
      domain,
      `${title} relative L2 error of ${candidate.name} by stage`,
    )}</div></figure>`;
  })}</div>${key(budgetLimit)}`;
}

function pointsOf({ layers }: CandidateReport, mode: Mode, budgetLimit: number): Point[] {
  const all = layers.flatMap(({ layer, stages }) => stages.map((stage) => ({ layer, stage })));
  if (all.every(({ stage }) => stage[mode] === null)) return [];
  return all.map(({ layer, stage }, place) => pointOf(stage[mode], { place, layer, stage: stage.stage }, budgetLimit));
}

function pointOf(
  comparison: Comparison | null,
  where: Pick<Point, "place" | "stage" | "layer">,
  budgetLimit: number,
): Point {
  if (comparison === null) return { ...where, ...gap };
  const { statistics, budget, ratio, verdict } = comparison;
  // In a report read from JSON, an error that was not a number is null.
  const error = statistics.l2Relative ?? Number.POSITIVE_INFINITY;
  const figures = `${scientific(error, 2)}, budget ${scientific(budget, 2)}, ratio ${formatRatio(ratio)}`;
  const title = `${where.stage}: ${figures}, ${verdict}`;
  return { ...where, error, budget, good: budget * budgetLimit, verdict, title };
}

/** A stage that was not compared interrupts the lines. */
const gap = { error: null, budget: null, good: null, verdict: null, title: "" };

/** Whole decades around all positive finite values. */
function domainOf(points: readonly Point[]): [number, number] {
  const values = points.flatMap(({ error, budget, good }) => [error, budget, good]);
  const positive = values.filter((value) => value !== null && Number.isFinite(value) && value > 0) as number[];
  if (positive.length === 0) return [1e-9, 1];
  const first = Math.floor(Math.log10(Math.min(...positive)) - 0.2);
  const last = Math.ceil(Math.log10(Math.max(...positive)) + 0.1);
  return [10 ** first, 10 ** last];
}

function chart(points: readonly Point[], domain: readonly [number, number], label: string): Markup {
  const [floor, ceiling] = domain;
  const inside = (value: number | null) => {
    if (value === null) return null;
    return Number.isFinite(value) ? Math.min(ceiling, Math.max(floor, value)) : ceiling;
  };
  const layers = new Set(points.map(({ layer }) => layer));
  const many = layers.size > 1;
  const x = "place";
  return draw(
    {
      width: many ? Math.min(1360, 140 + 95 * layers.size) : 440,
      height: many ? 300 : 322,
      marginLeft: 44,
      marginRight: 14,
      marginTop: 24,
      marginBottom: many ? 28 : 120,
      style: { fontSize: "11px" },
      x: { domain: [points[0]?.place ?? 0, points.at(-1)?.place ?? 1], inset: 10, ...(many && { axis: null }) },
      y: { type: "log", domain: [...domain], label: "relative L2 error", grid: false },
      marks: [
        Plot.areaY(points, { x, y1: floor, y2: ({ good }: Point) => inside(good), fill: "var(--good-ground)" }),
        ...(ceiling >= poorAbove && floor < poorAbove ? poorLine() : []),
        yAxis(domain),
        ...(many ? layerAxis(points, domain) : stageAxis(points)),
        Plot.lineY(points, {
          x,
          y: ({ budget }: Point) => inside(budget),
          stroke: "var(--muted)",
          strokeDasharray: "4 3",
        }),
        Plot.lineY(points, { x, y: ({ error }: Point) => inside(error), stroke: "currentColor", strokeWidth: 1.75 }),
        ...marksByVerdict(points, inside, many ? 2.5 : 4.5),
      ],
    },
    label,
  );
}

function yAxis([floor, ceiling]: readonly [number, number]): Plot.Markish[] {
  const first = Math.round(Math.log10(floor));
  const last = Math.round(Math.log10(ceiling));
  const every = Math.ceil((last - first) / 9);
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => first + index).filter(
    (tick) => tick % every === 0,
  );
  const values = ticks.map((tick) => 10 ** tick);
  return [
    Plot.gridY(values, { strokeOpacity: 0.12 }),
    Plot.axisY(values, {
      tickFormat: (value: number) => powerOfTen(Math.round(Math.log10(value))),
      tickSize: 0,
      label: "relative L2 error",
    }),
  ];
}

function stageAxis(points: readonly Point[]): Plot.Markish[] {
  const names = new Map(points.map(({ place, stage }) => [place, shortStage(stage)]));
  return [
    Plot.axisX([...names.keys()], {
      tickFormat: (place: number) => names.get(place) ?? "",
      tickRotate: -50,
      tickSize: 3,
      label: null,
    }),
  ];
}

function layerAxis(points: readonly Point[], [floor]: readonly [number, number]): Plot.Markish[] {
  const starts = points.filter(({ layer }, index) => points[index - 1]?.layer !== layer);
  return [
    Plot.ruleX(starts.slice(1), { x: ({ place }: Point) => place - 0.5, strokeOpacity: 0.18 }),
    Plot.text(starts, {
      x: "place",
      y: floor,
      text: ({ layer }: Point) => (starts.length > 16 ? `${layer}` : `layer ${layer}`),
      textAnchor: "start",
      dy: 12,
      dx: -4,
    }),
  ];
}

function poorLine(): Plot.Markish[] {
  return [Plot.ruleY([poorAbove], { stroke: "var(--poor)", strokeDasharray: "1 3", strokeWidth: 1.25 })];
}

function marksByVerdict(
  points: readonly Point[],
  inside: (value: number | null) => number | null,
  r: number,
): Plot.Markish[] {
  return [...new Set(points.flatMap(({ verdict }) => verdict ?? []))].map((verdict) =>
    Plot.dot(
      points.filter((point) => point.verdict === verdict),
      {
        x: "place",
        y: ({ error }: Point) => inside(error),
        symbol: shapes[verdict],
        r,
        title: "title",
        ...(shapes[verdict] === "times"
          ? { stroke: verdictColours[verdict], strokeWidth: 2.5 }
          : { fill: verdictColours[verdict], stroke: "var(--page)", strokeWidth: 1 }),
      },
    ),
  );
}

function key(budgetLimit: number): Markup {
  return html`<ul class="keys" aria-label="Key to the charts">
<li class="key"><span class="line"></span>candidate's error</li>
<li class="key"><span class="line line-dashed"></span>budget: an ordinary implementation of the same precision</li>
<li class="key"><span class="swatch swatch-good"></span>good: up to ${budgetLimit} × the budget</li>
<li class="key"><span class="line line-poor"></span>10 %: poor above</li>
${verdicts
  .filter((verdict) => verdict !== "INCONCLUSIVE")
  .map(
    (verdict) => html`<li
class="key">${badge(verdict)}</li>`,
  )}</ul>`;
}
