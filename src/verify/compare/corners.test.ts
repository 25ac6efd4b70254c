import fc from "fast-check";
import { expect, test } from "vitest";
import type { Tensor } from "../../tensor/tensor.ts";
import { cornersOf, formatCorners } from "./corners.ts";

const tensor = (shape: number[], value: (index: number) => number): Tensor => ({
  dtype: "f64",
  shape,
  data: Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => value(index)),
});
const print = (shape: number[], value: (index: number) => number) => formatCorners(cornersOf(tensor(shape, value)));

test("small tensors are printed completely", () => {
  expect(print([2, 3], (index) => index / 4 - 0.5)).toEqual([
    "[[-0.5000, -0.2500,  0.0000],",
    " [ 0.2500,  0.5000,  0.7500]]",
  ]);
  expect(print([2], (index) => index)).toEqual(["[[0, 1]]"]);
  expect(print([], () => 7)).toEqual(["[[7]]"]);
  expect(print([0, 4], () => 7)).toEqual(["[]"]);
  expect(print([4, 0], () => 7)).toEqual(["[]"]);
});

test("of large tensors the corners are printed, with all axes but the last as rows", () => {
  const corners = cornersOf(tensor([2, 5, 100], (index) => index));
  expect(corners).toMatchObject({ shape: [2, 5, 100], rowsElided: true, columnsElided: true });
  expect(corners.rows.map((row) => row[5])).toEqual([99, 199, 299, 799, 899, 999]);
  expect(formatCorners(corners)).toEqual([
    "[[  0,   1,   2, …,  97,  98,  99],",
    " [100, 101, 102, …, 197, 198, 199],",
    " [200, 201, 202, …, 297, 298, 299],",
    " …,",
    " [700, 701, 702, …, 797, 798, 799],",
    " [800, 801, 802, …, 897, 898, 899],",
    " [900, 901, 902, …, 997, 998, 999]]",
  ]);
});

test("small numbers get exponents; NaN and infinities are shown", () => {
  const values = [1e-5, Number.NaN, Number.NEGATIVE_INFINITY, -2.5e-7];
  expect(print([2, 2], (index) => values[index] ?? 0)).toEqual([
    "[[ 1.000e-05,        nan],",
    " [      -inf, -2.500e-07]]",
  ]);
  const fromJson = { shape: [1, 2], rows: [[null, 1]], rowsElided: false, columnsElided: false };
  expect(formatCorners(fromJson)).toEqual(["[[nan/inf,       1]]"]);
});

test("no line is wider than 78 columns, and all are aligned", () => {
  fc.assert(
    fc.property(fc.array(fc.double(), { minLength: 49, maxLength: 49 }), (values) => {
      const lines = print([7, 7], (index) => values[index] ?? 0).filter(
        (line) => !line.includes("[…") && line !== " …,",
      );
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(78);
      expect(new Set(lines.slice(0, -1).map((line) => line.length)).size).toBe(1);
    }),
  );
});
