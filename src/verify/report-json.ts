/**
 * The report as JSON. JSON has no infinities and no NaN: they are written as the strings "Infinity", "-Infinity" and
 * "NaN", because null already says "does not apply".
 */
import type { VerifyReport } from "./report.ts";

export function reportToJson(report: VerifyReport): string {
  return `${JSON.stringify(report, (key, value) => (key === "cells" ? shortened(value) : portable(value)))}\n`;
}

function portable(value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

/** A heat map is looked at: three digits of each cell are enough, and a quarter of the file. */
function shortened(cells: readonly (readonly (number | null)[])[]): unknown {
  return cells.map((row) => row.map((cell) => (cell === null ? null : Number(cell.toPrecision(3)))));
}
