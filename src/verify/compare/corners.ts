/**
 * The corners of a tensor, as NumPy and PyTorch print them, for comparison by eye.
 */
import { toFloat64 } from "../../tensor/half.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Corners } from "../report/report.ts";

/** Rows and columns shown at each end. */
const shown = 3;

/** The corners of a tensor seen as [all axes but the last, last], with NaN and infinities unchanged. */
export function cornersOf(tensor: Tensor): Corners {
  const { shape } = tensor;
  const values = toFloat64(tensor);
  const columns = shape.at(-1) ?? 1;
  const rows = columns === 0 ? 0 : values.length / columns;
  const columnsShown = ends(columns);
  return {
    shape,
    rows: ends(rows).map((row) => columnsShown.map((column) => values[row * columns + column] ?? null)),
    rowsElided: rows > 2 * shown,
    columnsElided: columns > 2 * shown,
  };
}

/** The first three and the last three of `extent` indices; all of them if they are six or fewer. */
function ends(extent: number): number[] {
  const all = Math.min(extent, 2 * shown);
  return Array.from({ length: all }, (_, index) => (index < shown || extent === all ? index : extent - all + index));
}

/**
 * Aligned lines as NumPy prints a matrix, at most 78 columns wide. A null (from JSON, which has neither NaN nor infinities)
 * is printed as `nan/inf`.
 */
export function formatCorners({ rows, rowsElided, columnsElided }: Corners): string[] {
  const format = formatFor(rows.flat());
  const texts = rows.map((row) => row.map(format));
  const width = Math.max(0, ...texts.flat().map((text) => text.length));
  const lines = texts.map((row) => {
    const cells = row.map((text) => text.padStart(width));
    if (columnsElided) cells.splice(shown, 0, "…");
    return `[${cells.join(", ")}]`;
  });
  if (rowsElided) lines.splice(shown, 0, "…");
  if (lines.length === 0) return ["[]"];
  return lines.map((line, index) => `${index === 0 ? "[" : " "}${line}${index === lines.length - 1 ? "]" : ","}`);
}

/** One notation for all the numbers, at most 10 characters each (six of them and the brackets make 78). */
function formatFor(values: readonly (number | null)[]): (value: number | null) => string {
  const finite = values.filter((value) => value !== null && Number.isFinite(value)) as number[];
  const largest = Math.max(0, ...finite.map(Math.abs));
  const write = notation(finite, largest);
  return (value) => {
    if (value === null) return "nan/inf";
    if (Number.isNaN(value)) return "nan";
    if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
    return write(value);
  };
}

function notation(values: readonly number[], largest: number): (value: number) => string {
  if (largest < 1e9 && values.every(Number.isInteger)) return (value) => value.toFixed(0);
  if (largest >= 1e-2 && largest < 1e3) return (value) => value.toFixed(4);
  if (largest >= 1e3 && largest < 1e6) return (value) => value.toFixed(2);
  // -1.234e-05, or one digit less for an exponent of three digits.
  const digits = values.some((value) => exponential(value, 3).length > 10) ? 2 : 3;
  return (value) => exponential(value, digits);
}

/** As C prints it: a signed exponent of at least two digits. */
function exponential(value: number, digits: number): string {
  return value.toExponential(digits).replace(/e([+-])(\d)$/, "e$10$2");
}
