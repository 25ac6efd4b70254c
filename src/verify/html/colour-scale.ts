/**
 * The colour scale that all heat maps of a gallery share: logarithmic in |difference|, dark violet to yellow.
 *
 * Equal elements are transparent; non-finite ones are magenta, which the scale does not contain.
 */
import * as Plot from "@observablehq/plot";
import { powerOfTen } from "../../format/numbers.ts";
import type { Heatmap } from "../report/report.ts";
import { html, type Markup } from "./markup.ts";
import type { IndexedPicture } from "./png.ts";
import { draw } from "./svg.ts";

export interface ColourScale {
  /** Decades: from 10^first to 10^last. */
  readonly first: number;
  readonly last: number;
  readonly palette: IndexedPicture["palette"];
  /** Index into the palette. */
  readonly indexOf: (cell: number | null) => number;
  /** A CSS colour. */
  readonly colourOf: (value: number) => string;
}

export const nonFiniteColour = "#ff1fc7";
/** Values that are more decades below the largest get the darkest colour. */
const maxDecades = 9;
/** Share of the smallest cells that the scale ignores, so that a few tiny values do not stretch it. */
const shareBelow = 0.01;
const steps = 254;
/** The palette starts with "equal" and "not finite". */
const firstStep = 2;

export function colourScale(heatmaps: readonly Heatmap[]): ColourScale {
  const [min, max] = extent(heatmaps);
  const last = Math.ceil(Math.log10(max));
  const first = Math.max(Math.min(Math.floor(Math.log10(min)), last - 1), last - maxDecades, -323);
  const scale = Plot.scale({ color: { type: "linear", scheme: "viridis", domain: [0, 1], clamp: true } });
  const colours = Array.from({ length: steps }, (_, step) => String(scale?.apply(step / (steps - 1))));
  const step = (value: number) => Math.round(clamp((Math.log10(value) - first) / (last - first)) * (steps - 1));
  return {
    first,
    last,
    palette: [[0, 0, 0, 0], rgb(nonFiniteColour), ...colours.map(rgb)],
    indexOf: (cell) => {
      if (cell === null || !Number.isFinite(cell)) return 1;
      return cell === 0 ? 0 : firstStep + step(cell);
    },
    colourOf: (value) => colours[step(value)] ?? nonFiniteColour,
  };
}

export function legend(scale: ColourScale): Markup {
  const { first, last } = scale;
  const perDecade = 16;
  const strips = Array.from({ length: perDecade * (last - first) }, (_, index) => ({
    x1: first + index / perDecade,
    x2: first + (index + 1) / perDecade,
    fill: scale.colourOf(10 ** (first + (index + 0.5) / perDecade)),
  }));
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const chart = draw(
    {
      width: 320,
      height: 36,
      marginTop: 2,
      marginBottom: 20,
      marginLeft: 16,
      marginRight: 16,
      x: { domain: [first, last] },
      marks: [
        Plot.rect(strips, { x1: "x1", x2: "x2", y1: 0, y2: 1, fill: "fill", stroke: "fill", strokeWidth: 0.5 }),
        Plot.axisX(ticks, { tickFormat: powerOfTen, tickSize: 3, label: null }),
        Plot.axisY([], { label: null }),
      ],
    },
    `Colour scale of |difference|, logarithmic from ${powerOfTen(first)} to ${powerOfTen(last)}`,
  );
  return html`<div class="legend"><span class="legend-title">|difference|</span>${chart}
<span class="key"><span class="swatch"></span>equal</span>
<span class="key"><span class="swatch swatch-nonfinite"></span>not finite</span></div>`;
}

/** The smallest and the largest value that the scale must cover. */
function extent(heatmaps: readonly Heatmap[]): [number, number] {
  const cells = heatmaps.flatMap(({ cells }) => cells.flat());
  const positive = Float64Array.from(
    cells.filter((cell) => cell !== null && cell > 0 && cell < Infinity) as number[],
  ).sort();
  const max = positive.at(-1);
  if (max === undefined) return [1e-9, 1];
  return [positive[Math.floor(positive.length * shareBelow)] ?? max, max];
}

const clamp = (value: number): number => Math.min(1, Math.max(0, value));

function rgb(colour: string): [number, number, number, number] {
  const [, red, green, blue] = /^#(..)(..)(..)$/.exec(colour) ?? /^rgb\((\d+), (\d+), (\d+)\)$/.exec(colour) ?? [];
  const read = (digits = "0") => Number.parseInt(digits, colour.startsWith("#") ? 16 : 10);
  return [read(red), read(green), read(blue), 255];
}
