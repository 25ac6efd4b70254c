/**
 * The report as JSON. JSON has no infinities and no NaN: they are written as the strings "Infinity", "-Infinity" and
 * "NaN", because null already says "does not apply".
 */
import { jsonText } from "../../format/json.ts";
import type { VerifyReport } from "./report.ts";

export function reportToJson(report: VerifyReport): string {
  return `${jsonText(report, { replacer })}\n`;
}

const replacer = (key: string, value: unknown): unknown => (key === "cells" ? shortened(value) : portable(value));

function portable(value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

/** Three digits of each cell are enough for a picture, and a quarter of the size. */
function shortened(cells: unknown): unknown {
  return (cells as readonly (readonly (number | null)[])[]).map((row) =>
    row.map((cell) => (cell === null ? null : Number(cell.toPrecision(3)))),
  );
}
