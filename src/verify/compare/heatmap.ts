/**
 * Reduces |difference| to a small picture, in which a wrong head, row or tile shows as a pattern.
 *
 * Must stay true: a cell is the maximum of its elements, never a mean, so that one wrong element of a million stays visible.
 */

import type { Heatmap } from "../report/report.ts";
import type { Pairs } from "./pairs.ts";

const maxRows = 48;
const maxColumns = 64;

/** Rows without a real element are left out; a cell without a compared element is 0. */
export function heatmapOf(pairs: Pairs): Heatmap {
  const columns = pairs.shape.at(-1) ?? 1;
  const rows = countRows(pairs, columns);
  const width = Math.min(columns, maxColumns);
  const cells = fillCells(pairs, { rows, columns, height: Math.min(rows, maxRows), width });
  const lines: (number | null)[][] = [];
  for (let start = 0; start < cells.length; start += width) {
    lines.push(Array.from(cells.subarray(start, start + width), (cell) => (Number.isFinite(cell) ? cell : null)));
  }
  return { rows, columns, cells: lines };
}

interface Extents {
  readonly rows: number;
  readonly columns: number;
  readonly height: number;
  readonly width: number;
}

/** Row-major maxima; infinite where a difference is NaN, so that no later maximum hides it. */
function fillCells({ difference, places }: Pairs, { rows, columns, height, width }: Extents): Float64Array {
  const cells = new Float64Array(height * width);
  const cellOfColumn = Uint16Array.from({ length: columns }, (_, column) => Math.floor((column * width) / columns));
  let row = -1;
  let rowStart = 0;
  let rowEnd = 0;
  let base = 0;
  for (let index = 0; index < difference.length; index++) {
    const place = places === undefined ? index : (places[index] as number);
    if (place >= rowEnd) {
      row++;
      rowStart = place - (place % columns);
      rowEnd = rowStart + columns;
      base = Math.floor((row * height) / rows) * width;
    }
    const cell = base + (cellOfColumn[place - rowStart] as number);
    const value = difference[index] as number;
    if (Number.isNaN(value)) cells[cell] = Number.POSITIVE_INFINITY;
    else if (value > (cells[cell] as number)) cells[cell] = value;
  }
  return cells;
}

/** Rows with a real element. */
function countRows({ difference, places }: Pairs, columns: number): number {
  if (places === undefined) return columns === 0 ? 0 : difference.length / columns;
  let rows = 0;
  let rowEnd = 0;
  for (const place of places) {
    if (place < rowEnd) continue;
    rows++;
    rowEnd = place - (place % columns) + columns;
  }
  return rows;
}
