import fc from "fast-check";
import { expect, test } from "vitest";
import { InputError } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Precision, roundTo } from "../layer/precision.ts";
import { type CompareOptions, compareTensors } from "./compare.ts";

const vector = (...values: number[]): Tensor<"f64"> => matrix([values.length], values);
const matrix = (shape: number[], values: ArrayLike<number>): Tensor<"f64"> => ({
  dtype: "f64",
  shape,
  data: Float64Array.from(values),
});
const compare = (original: Tensor, candidate: Tensor, more: Partial<CompareOptions> = {}) =>
  compareTensors({ original, candidate, precision: "f16", ...more });

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const largest = (values: readonly number[]) => values.reduce((max, value) => Math.max(max, value), 0);
/** Equal up to the rounding of sums in another order. */
const near = (actual: number, expected: number) =>
  expect(Math.abs(actual - expected), `${actual} for ${expected}`).toBeLessThanOrEqual(1e-11 * Math.abs(expected));

/** The spacing of a precision's numbers at a value, by its definition. */
function spacing(value: number, precision: Precision): number {
  const { fraction, min, max } = {
    f32: { fraction: 23, min: -126, max: 127 },
    f16: { fraction: 10, min: -14, max: 15 },
    bf16: { fraction: 7, min: -126, max: 127 },
  }[precision];
  let exponent = min;
  while (exponent < max && 2 ** (exponent + 1) <= Math.abs(value)) exponent++;
  return 2 ** (exponent - fraction);
}

/** Excludes numbers near float64's smallest, for which the literal definitions below overflow. */
const number = fc
  .oneof(
    fc.double({ min: -1e6, max: 1e6, noNaN: true }),
    fc.double({ min: -1e-6, max: 1e-6, noNaN: true }),
    fc.constantFrom(0, -0, 1, -1, 0.001, 65_504, 6e-8, 1e-40),
  )
  .map((value) => (Math.abs(value) < 1e-100 ? 0 : value));
const anyNumber = fc.oneof(
  { weight: 20, arbitrary: number },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY) },
);
const precision = fc.constantFrom<Precision>("f32", "f16", "bf16");
const rows = fc.array(fc.record({ original: number, candidate: anyNumber, real: fc.boolean() }), { maxLength: 300 });

test("every figure agrees with its definition", () => {
  fc.assert(
    fc.property(rows, precision, fc.integer({ min: 1, max: 7 }), (items, kind, width) => {
      const length = items.length - (items.length % width);
      const used = items.slice(0, length);
      const shape = [length / width, width];
      const found = compareTensors({
        original: matrix(
          shape,
          used.map((item) => item.original),
        ),
        candidate: matrix(
          shape,
          used.map((item) => item.candidate),
        ),
        precision: kind,
        isReal: (index) => items[index]?.real === true,
      });
      const real = used.map((item, place) => ({ ...item, place })).filter((item) => item.real);
      const finite = real
        .filter(({ candidate }) => Number.isFinite(candidate))
        .map((item) => ({ ...item, error: Math.abs(item.candidate - item.original) }));
      const indexOf = (place: number | undefined) =>
        place === undefined ? [] : [Math.floor(place / width), place % width];
      const first = (value: number) => indexOf(finite.find(({ error }) => error === value)?.place);
      const errors = finite.map(({ error }) => error);
      const relative = finite.filter(({ original }) => original !== 0).map((x) => x.error / Math.abs(x.original));

      expect(found.count).toBe(real.length);
      expect(found.maxAbsolute).toEqual({ value: largest(errors), index: first(largest(errors)) });
      near(found.meanAbsolute, errors.length === 0 ? 0 : sum(errors) / errors.length);
      expect(found.maxRelative.value).toBe(largest(relative));
      const [row = 0, column = 0] = found.maxRelative.index;
      const worst = used[row * width + column];
      if (relative.length > 0 && worst !== undefined) {
        expect(Math.abs(worst.candidate - worst.original) / Math.abs(worst.original)).toBe(largest(relative));
      }
      near(found.meanRelative, relative.length === 0 ? 0 : sum(relative) / relative.length);

      const l2 = Math.hypot(...errors);
      const norm = Math.hypot(...finite.map((item) => item.original));
      near(found.l2Absolute, l2);
      if (norm > 0) near(found.l2Relative, l2 / norm);
      if (norm > 0 && l2 > 0) expect(found.sqnr).toBeCloseTo(10 * Math.log10((norm / l2) ** 2), 6);
      else if (l2 === 0) expect(found.sqnr).toBeNull();
      const candidateNorm = Math.hypot(...finite.map((item) => item.candidate));
      if (norm > 0 && candidateNorm > 0) {
        const product = sum(finite.map((item) => (item.original / norm) * (item.candidate / candidateNorm)));
        expect(found.cosine).toBeCloseTo(product, 9);
      }

      const ulps = finite.map((x) => x.error / spacing(x.original, kind)).sort((a, b) => a - b);
      const quantile = (fraction: number) => ulps[Math.max(1, Math.ceil(fraction * ulps.length)) - 1] ?? 0;
      expect(found.ulp).toEqual({ median: quantile(0.5), p90: quantile(0.9), p99: quantile(0.99), max: quantile(1) });

      const limit = { f32: 3.4028234663852886e38, f16: 65_504, bf16: 3.3895313892515355e38 }[kind] / 4;
      expect(found.nan).toBe(real.filter((item) => Number.isNaN(item.candidate)).length);
      expect(found.infinite).toBe(real.filter((item) => Math.abs(item.candidate) === Number.POSITIVE_INFINITY).length);
      expect(found.nearOverflow).toBe(finite.filter((item) => Math.abs(item.candidate) > limit).length);
      const bad = real.find((item) => !Number.isFinite(item.candidate));
      expect(found.firstNonFinite).toEqual(bad ? { value: bad.candidate, index: indexOf(bad.place) } : null);

      const { absolute, relative: rtol } = found.minimumTolerance;
      if (bad !== undefined) expect([absolute, rtol]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
      else {
        expect(absolute).toBe(largest(errors));
        const passes = (tolerance: number) => finite.every((x) => x.error <= tolerance * Math.abs(x.original));
        if (Number.isFinite(rtol)) expect(passes(rtol)).toBe(true);
        else expect(finite.some((item) => item.original === 0 && item.error > 0)).toBe(true);
        if (rtol > 0 && Number.isFinite(rtol)) expect(passes(rtol * (1 - 1e-15))).toBe(false);
      }

      const { zeros, first: lowest, counts } = found.histogram;
      expect(zeros).toBe(errors.filter((error) => error === 0).length);
      expect(zeros + sum(counts)).toBe(errors.length);
      counts.forEach((count, decade) => {
        const [from, to] = [Number(`1e${lowest + decade}`), Number(`1e${lowest + decade + 1}`)];
        expect(count).toBe(errors.filter((error) => error >= from && error < to && error > 0).length);
      });
      expect(found.heatmap.cells.flat().includes(null)).toBe(bad !== undefined);
      expect(largest(found.heatmap.cells.flat().map((cell) => cell ?? 0))).toBeLessThanOrEqual(largest(errors));
    }),
    { numRuns: 300 },
  );
});

test("figures without compared elements", () => {
  for (const found of [
    compare(vector(1, 2), vector(3, Number.NaN), { isReal: () => false }),
    compare(matrix([0, 4], []), matrix([0, 4], [])),
  ]) {
    expect(found).toMatchObject({
      count: 0,
      maxAbsolute: { value: 0, index: [] },
      l2Absolute: 0,
      l2Relative: 0,
      cosine: 1,
      sqnr: null,
      ulp: { median: 0, max: 0 },
      firstNonFinite: null,
      minimumTolerance: { absolute: 0, relative: 0 },
      histogram: { zeros: 0, first: 0, counts: [] },
      heatmap: { rows: 0, cells: [] },
    });
  }
});

test("figures for an original of zeros", () => {
  expect(compare(vector(0, 0), vector(0, -0))).toMatchObject({ l2Relative: 0, cosine: 1, sqnr: null });
  const found = compare(vector(0, 0), vector(0, 2 ** -24));
  expect(found).toMatchObject({ maxRelative: { value: 0, index: [] }, meanRelative: 0, cosine: 0, ulp: { max: 1 } });
  expect(found.l2Relative).toBe(Number.POSITIVE_INFINITY);
  expect(found.minimumTolerance).toEqual({ absolute: 2 ** -24, relative: Number.POSITIVE_INFINITY });
});

test("no square underflows or overflows", () => {
  expect(compare(vector(1e-200, 1), vector(0, 1)).l2Absolute).toBe(1e-200);
  const found = compare(vector(1e300, -1e300), vector(1e300, -1.1e300), { precision: "f32" });
  expect(found.l2Relative).toBeCloseTo(0.1 / Math.SQRT2, 12);
  expect(found.cosine).toBeCloseTo(2.1 / Math.sqrt(2 * 2.21), 12);
});

test("equal vectors have a cosine of exactly 1, opposite ones of -1", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }), (values) => {
      const same = compare(vector(...values), vector(...values));
      expect([same.cosine, same.l2Relative, same.sqnr]).toEqual([1, 0, null]);
      if (values.some((value) => Math.abs(value) > 1e-300)) {
        expect(compare(vector(...values), vector(...values.map((value) => -value))).cosine).toBe(-1);
      }
    }),
  );
});

test("rounding to a precision has an error of at most half an ulp", () => {
  fc.assert(
    fc.property(precision, fc.array(fc.double({ min: -60_000, max: 60_000, noNaN: true })), (kind, values) => {
      const found = compare(vector(...values), vector(...values.map(roundTo[kind])), { precision: kind });
      // bf16 is rounded to float32 first.
      expect(found.ulp.max).toBeLessThanOrEqual(kind === "bf16" ? 0.5 + 2 ** -16 : 0.5);
    }),
  );
});

test("non-finite elements of the original are ignored, and only the candidate's NaNs are counted", () => {
  const found = compare(vector(Number.NaN, 1, Number.POSITIVE_INFINITY), vector(5, 1, Number.POSITIVE_INFINITY));
  expect(found).toMatchObject({ count: 3, nan: 0, infinite: 1, maxAbsolute: { value: 0, index: [1] } });
  expect(found.heatmap.cells).toEqual([[null, 0, null]]);
});

test("tensors of different shapes are not compared", () => {
  const wrong = () => compare(matrix([2, 3], new Array(6).fill(0)), matrix([3, 2], new Array(6).fill(0)));
  expect(wrong).toThrow(InputError);
  expect(wrong).toThrow("the candidate's shape is [3, 2]; expected [2, 3], the original's.");
});

test("a heat map shows one wrong element of many, and leaves padding out", () => {
  const [height, width] = [1000, 130];
  const original = matrix([height, width], new Float64Array(height * width));
  const data = new Float64Array(height * width);
  data[999 * width + 129] = 7;
  data[0] = Number.POSITIVE_INFINITY;
  const all = compare(original, matrix([height, width], data)).heatmap;
  expect([all.rows, all.columns, all.cells.length, all.cells[0]?.length]).toEqual([1000, 130, 48, 64]);
  expect(all.cells[47]?.[63]).toBe(7);
  expect(all.cells[0]?.[0]).toBeNull();
  expect(all.cells.flat().filter((cell) => cell !== 0)).toHaveLength(2);
  const isReal = (index: number) => index % width < 100 && Math.floor(index / width) % 100 === 1;
  const real = compare(original, matrix([height, width], data), { isReal }).heatmap;
  expect([real.rows, real.columns, real.cells.length]).toEqual([10, 130, 10]);
  expect(real.cells.flat().every((cell) => cell === 0)).toBe(true);
});
