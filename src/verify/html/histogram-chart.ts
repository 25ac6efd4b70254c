/**
 * Histogram of |difference|: one bar per decade, in the colours of the heat map above it.
 */
import * as Plot from "@observablehq/plot";
import { percent, powerOfTen } from "../../format/numbers.ts";
import type { Histogram } from "../report/report.ts";
import type { ColourScale } from "./colour-scale.ts";
import { pictureFrame } from "./heat-map.ts";
import type { Markup } from "./markup.ts";
import { draw } from "./svg.ts";

/** The axes that the charts of a gallery share. */
export interface HistogramAxes {
  /** The first decade, and the one after the last. */
  readonly first: number;
  readonly end: number;
  /** The largest share of a bar, rounded up to a quarter. */
  readonly maxShare: number;
}

/** Smaller differences are counted in the first decade shown. */
const maxDecades = 14;

export function histogramAxes(histograms: readonly Histogram[]): HistogramAxes {
  const filled = histograms.filter(({ counts }) => counts.length > 0);
  const end = filled.length === 0 ? 0 : Math.max(...filled.map(({ first, counts }) => first + counts.length));
  const first = filled.length === 0 ? -8 : Math.min(...filled.map((histogram) => histogram.first));
  const shares = histograms.map(
    ({ zeros, counts }) => Math.max(zeros, ...counts) / Math.max(1, total({ zeros, counts })),
  );
  return {
    first: Math.max(first, end - maxDecades),
    end,
    maxShare: Math.max(1, Math.ceil(Math.max(0, ...shares) * 4)) / 4,
  };
}

export function histogramChart(histogram: Histogram, axes: HistogramAxes, scale: ColourScale, of: string): Markup {
  const bars = barsOf(histogram, axes, scale);
  const { first, end, maxShare } = axes;
  const axis = { tickSize: 3, tickPadding: 2, label: null };
  return draw(
    {
      ...pictureFrame,
      height: 60,
      marginTop: 6,
      marginBottom: 15,
      x: { domain: [first - 1.6, end] },
      y: { domain: [0, maxShare] },
      marks: [
        Plot.rectY(bars, { x1: "x1", x2: "x2", y: "share", fill: "fill", title: "title", inset: 0.4 }),
        Plot.axisX([first - 1, ...decadeTicks(axes)], {
          ...axis,
          tickFormat: (tick: number) => (tick < first ? "0" : powerOfTen(tick)),
        }),
        Plot.axisY([0, maxShare], { ...axis, tickFormat: (share: number) => `${share * 100}%` }),
        Plot.ruleY([0], { strokeOpacity: 0.5 }),
      ],
    },
    `Histogram of |difference| of ${of}: ${bars.map(({ title }) => title).join("; ")}`,
  );
}

/** At most about four labels, always including the end of the last decade. */
function decadeTicks({ first, end }: HistogramAxes): number[] {
  const every = Math.ceil((end - first + 1) / 4);
  const all = Array.from({ length: end - first + 1 }, (_, index) => first + index);
  return all.filter((tick) => (end - tick) % every === 0);
}

interface Bar {
  readonly x1: number;
  readonly x2: number;
  readonly share: number;
  readonly fill: string;
  readonly title: string;
}

function barsOf(histogram: Histogram, { first: left }: HistogramAxes, scale: ColourScale): Bar[] {
  const { zeros, first, counts } = histogram;
  const all = Math.max(1, total(histogram));
  const shares = new Map<number, number>();
  for (const [index, some] of counts.entries()) {
    const decade = Math.max(first + index, left);
    if (some > 0) shares.set(decade, (shares.get(decade) ?? 0) + some / all);
  }
  const bars = [...shares].map(([decade, share]) => ({
    x1: decade,
    x2: decade + 1,
    share,
    fill: scale.colourOf(10 ** (decade + 0.5)),
    title: `${percent(share, 2)} from ${powerOfTen(decade)} to ${powerOfTen(decade + 1)}`,
  }));
  if (zeros === 0) return bars;
  const share = zeros / all;
  return [
    { x1: left - 1.45, x2: left - 0.55, share, fill: "var(--quiet)", title: `${percent(share, 2)} equal` },
    ...bars,
  ];
}

function total({ zeros, counts }: Pick<Histogram, "zeros" | "counts">): number {
  return counts.reduce((sum, some) => sum + some, zeros);
}
