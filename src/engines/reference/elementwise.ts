/**
 * Elementwise functions over strided float64 rows.
 *
 * Each function has its own loop: a shared loop with a callback takes three times as long, because its megamorphic call
 * site is never inlined.
 */
import type { ElementwiseFunction } from "../../program/program.ts";
import { elementCount } from "../../tensor/tensor.ts";
import { erf } from "./erf.ts";
import { broadcastTo, contiguous, forEachRow, type Strided } from "./strided.ts";

/** A row of an operand: `data[at]`, `data[at + step]`, … */
interface Row {
  readonly data: Float64Array;
  at: number;
  readonly step: number;
}

/** Writes `width` results to `out`, starting at `to`. */
type RowLoop = (out: Float64Array, to: number, width: number, rows: readonly Row[]) => void;

const unary = (loop: (out: Float64Array, to: number, width: number, a: Row) => void): RowLoop => {
  return (out, to, width, rows) => loop(out, to, width, rows[0] as Row);
};

const binary = (loop: (out: Float64Array, to: number, width: number, a: Row, b: Row) => void): RowLoop => {
  return (out, to, width, rows) => loop(out, to, width, rows[0] as Row, rows[1] as Row);
};

const at = (row: Row, column: number): number => row.data[row.at + column * row.step] as number;

const loops: Readonly<Record<ElementwiseFunction, RowLoop>> = {
  add: binary((out, to, width, a, b) => {
    for (let column = 0; column < width; column++) out[to + column] = at(a, column) + at(b, column);
  }),
  subtract: binary((out, to, width, a, b) => {
    for (let column = 0; column < width; column++) out[to + column] = at(a, column) - at(b, column);
  }),
  multiply: binary((out, to, width, a, b) => {
    for (let column = 0; column < width; column++) out[to + column] = at(a, column) * at(b, column);
  }),
  divide: binary((out, to, width, a, b) => {
    for (let column = 0; column < width; column++) out[to + column] = at(a, column) / at(b, column);
  }),
  maximum: binary((out, to, width, a, b) => {
    for (let column = 0; column < width; column++) out[to + column] = Math.max(at(a, column), at(b, column));
  }),
  exp: unary((out, to, width, a) => {
    for (let column = 0; column < width; column++) out[to + column] = Math.exp(at(a, column));
  }),
  sqrt: unary((out, to, width, a) => {
    for (let column = 0; column < width; column++) out[to + column] = Math.sqrt(at(a, column));
  }),
  erf: unary((out, to, width, a) => {
    for (let column = 0; column < width; column++) out[to + column] = erf(at(a, column));
  }),
  tanh: unary((out, to, width, a) => {
    for (let column = 0; column < width; column++) out[to + column] = Math.tanh(at(a, column));
  }),
  equal: binary((out, to, width, a, b) => {
    for (let column = 0; column < width; column++) out[to + column] = at(a, column) === at(b, column) ? 1 : 0;
  }),
  less: binary((out, to, width, a, b) => {
    for (let column = 0; column < width; column++) out[to + column] = at(a, column) < at(b, column) ? 1 : 0;
  }),
  select: (out, to, width, rows) => {
    const [condition, yes, no] = rows as [Row, Row, Row];
    for (let column = 0; column < width; column++) {
      out[to + column] = at(condition, column) === 0 ? at(no, column) : at(yes, column);
    }
  },
};

/** Applies a function to operands that broadcast to `shape`. */
export function applyElementwise(
  name: ElementwiseFunction,
  operands: readonly Strided[],
  shape: readonly number[],
): Strided {
  const out = new Float64Array(elementCount(shape));
  const views = operands.map((operand) => broadcastTo(operand, shape));
  const rows: Row[] = views.map((view) => ({ data: view.data, at: 0, step: view.strides.at(-1) ?? 0 }));
  const width = shape.at(-1) ?? 1;
  const loop = loops[name];
  forEachRow(views, (row, offsets) => {
    for (let which = 0; which < rows.length; which++) (rows[which] as Row).at = offsets[which] as number;
    loop(out, row * width, width, rows);
  });
  return contiguous(out, shape);
}
