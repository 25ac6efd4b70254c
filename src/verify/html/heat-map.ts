/**
 * |difference| of a tensor as a picture, with rows and columns as in print.
 */
import * as Plot from "@observablehq/plot";
import { count } from "../../format/numbers.ts";
import type { Heatmap } from "../report/report.ts";
import type { ColourScale } from "./colour-scale.ts";
import { html, type Markup } from "./markup.ts";
import { pngDataUrl } from "./png.ts";
import { draw } from "./svg.ts";

/** Small, and enlarged by the page, so that labels are legible where a phone shows two pictures side by side. */
export const pictureFrame = { width: 164, marginRight: 10, marginLeft: 27, style: { fontSize: "8.5px" } };

const height = 126;
const marginTop = 6;
const marginBottom = 15;

/** @param of the tensor's name: `layer.0.query`. */
export function heatMap(heatmap: Heatmap, scale: ColourScale, of: string): Markup {
  const { rows, columns, cells } = heatmap;
  if (cells.length === 0 || rows === 0 || columns === 0) return html`<p class="nothing">No elements to show.</p>`;
  const { width, marginLeft, marginRight } = pictureFrame;
  const axis = { tickSize: 3, tickPadding: 2, tickFormat: String, label: null };
  return draw(
    {
      ...pictureFrame,
      height,
      marginTop,
      marginBottom,
      x: { domain: [0, columns] },
      y: { domain: [rows, 0] },
      marks: [
        Plot.image([0], {
          src: pictureOf(heatmap, scale),
          width: width - marginLeft - marginRight,
          height: height - marginTop - marginBottom,
          x: columns / 2,
          y: rows / 2,
          preserveAspectRatio: "none",
          imageRendering: "pixelated",
        }),
        Plot.frame({ strokeOpacity: 0.35 }),
        Plot.axisX([0, columns], axis),
        Plot.axisY([0, rows], axis),
      ],
    },
    `Heat map of |difference| of ${of}, ${count(rows)} rows by ${count(columns)} columns`,
  );
}

function pictureOf({ cells }: Heatmap, scale: ColourScale): string {
  const width = cells[0]?.length ?? 0;
  const pixels = Uint8Array.from(cells.flat(), (cell) => scale.indexOf(cell));
  return pngDataUrl({ width, height: cells.length, pixels, palette: scale.palette });
}
