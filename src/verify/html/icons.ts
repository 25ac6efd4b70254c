/**
 * Icons as SVG, since not every system has a font with ✓ and ◆. A verdict's shape is the same as in the charts.
 */
import type { Verdict } from "../report/verdict.ts";
import { html, type Markup } from "./markup.ts";

const filled = {
  diamond: "M5 .3 9.2 5 5 9.7.8 5Z",
  circle: "M5 .8a4.2 4.2 0 1 0 .01 0Z",
  triangle: "M5 .6 9.7 9.2H.3Z",
  square: "M1.2 1.2h7.6v7.6H1.2Z",
  arrow: "M9 .8v8.4L1 5Z",
};

const drawn = {
  times: "M1.6 1.6l6.8 6.8M8.4 1.6 1.6 8.4",
  check: "M1 5.6 3.9 8.4 9 1.8",
  ring: "M5 1.4a3.6 3.6 0 1 0 .01 0Z",
};

export type Icon = keyof typeof filled | keyof typeof drawn;

export const verdictIcons: Readonly<Record<Verdict, Icon>> = {
  IDENTICAL: "diamond",
  GOOD: "circle",
  FAIR: "triangle",
  POOR: "square",
  "NON-FINITE": "times",
  INCONCLUSIVE: "ring",
};

export function icon(name: Icon): Markup {
  const isFilled = (candidate: Icon): candidate is keyof typeof filled => candidate in filled;
  if (isFilled(name))
    return html`<svg class="icon" viewBox="0 0 10 10" aria-hidden="true"><path d="${filled[name]}"/></svg>`;
  return html`<svg class="icon icon-drawn" viewBox="0 0 10 10" aria-hidden="true"><path d="${drawn[name]}"/></svg>`;
}
