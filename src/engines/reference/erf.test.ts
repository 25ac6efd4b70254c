import { expect, test } from "vitest";
import { erf } from "./erf.ts";

/** The series of A&S 7.1.6 in integer arithmetic with 60 digits, rounded to float64. */
const reference: readonly (readonly [number, number])[] = [
  [1e-10, 1.1283791670955126e-10],
  [0.001, 0.0011283787909692365],
  [0.1, 0.1124629160182849],
  [0.25, 0.27632639016823696],
  [0.5, 0.5204998778130465],
  [0.7, 0.6778011938374185],
  [1.0, 0.8427007929497149],
  [1.5, 0.9661051464753108],
  [1.9, 0.9927904292352575],
  [2.0, 0.9953222650189527],
  [2.4, 0.999311486103355],
  [2.499999, 0.9995930458042653],
  [2.5, 0.999593047982555],
  [2.6, 0.9997639655834707],
  [3.0, 0.9999779095030014],
  [3.7, 0.9999998328489421],
  [4.5, 0.9999999998033839],
  [5.5, 0.9999999999999927],
  [5.999, 1.0],
  [6.5, 1.0],
];

test.each(reference)("erf(%d) to float64 accuracy", (x, expected) => {
  expect(Math.abs(erf(x) - expected)).toBeLessThanOrEqual(1e-15 * Math.abs(expected));
  expect(erf(-x)).toBe(-erf(x));
});

test("erf at zero, infinities and NaN", () => {
  expect(erf(0)).toBe(0);
  expect(erf(Number.POSITIVE_INFINITY)).toBe(1);
  expect(erf(Number.NEGATIVE_INFINITY)).toBe(-1);
  expect(erf(Number.NaN)).toBeNaN();
  expect(erf(Number.MIN_VALUE)).toBeGreaterThanOrEqual(0);
});
