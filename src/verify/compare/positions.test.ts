import { expect, test } from "vitest";
import { realRows } from "./positions.ts";

const mask = [1, 1, 1, 1, 0, 0];
const positions = realRows(mask, 2, 3);

function realOf(shape: readonly number[]): number[] {
  const isReal = positions(shape);
  const length = shape.reduce((product, extent) => product * extent, 1);
  return Array.from({ length }, (_, index) => index).filter((index) => isReal?.(index) ?? true);
}

test("rows of padding are ignored, and pairs of query and key with padding in either", () => {
  expect(realOf([2, 3])).toEqual([0, 1, 2, 3]);
  expect(realOf([2, 3, 2])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  const everyPair = Array.from({ length: 18 }, (_, index) => index);
  // The second sequence has one token, so each of its two heads has one pair.
  expect(realOf([2, 2, 3, 3])).toEqual([...everyPair, 18, 27]);
  // Heads one wide: a row, not a pair.
  expect(realOf([2, 2, 3, 1])).toEqual([0, 1, 2, 3, 4, 5, 6, 9]);
});

test("without padding there is no function to call", () => {
  expect(realRows(undefined, 2, 3)([2, 3, 4])).toBeUndefined();
  expect(realRows(Int32Array.of(1, 1), 1, 2)([1, 2, 4])).toBeUndefined();
});

test("a mask that does not fit is rejected", () => {
  expect(() => realRows([1, 0], 1, 3)).toThrow("the attention mask has 2 elements; expected 1 × 3");
  expect(() => positions([2, 4, 5])).toThrow("does not fit the shape [2, 4, 5]");
  expect(() => positions([2, 2, 4, 3])).toThrow("does not fit the shape [2, 2, 4, 3]");
  expect(() => positions([6])).toThrow("does not fit");
});
