/**
 * How far results are apart, relative to the largest of what is expected.
 */
import { expect } from "vitest";
import { toFloat64 } from "../../src/tensor/half.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

/** The largest difference divided by the largest magnitude; infinite where one is not a number. */
export function relativeError(actual: Tensor, expected: Tensor): number {
  const [found, wanted] = [toFloat64(actual), toFloat64(expected)];
  let [scale, worst] = [1e-30, 0];
  wanted.forEach((value, index) => {
    const difference = Math.abs(value - (found[index] ?? Number.NaN));
    worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
    scale = Math.max(scale, Math.abs(value));
  });
  return worst / scale;
}

/** Expects the same outputs in the same order, of the same shapes, within a relative tolerance. */
export function expectSame(
  actual: ReadonlyMap<string, Tensor>,
  expected: ReadonlyMap<string, Tensor>,
  tolerance: number,
  what: string,
): void {
  expect([...actual.keys()], what).toEqual([...expected.keys()]);
  for (const [name, wanted] of expected) {
    const found = actual.get(name) as Tensor;
    expect(found.shape, `${what}: ${name}`).toEqual(wanted.shape);
    expect(relativeError(found, wanted), `${what}: ${name}`).toBeLessThanOrEqual(tolerance);
  }
}
