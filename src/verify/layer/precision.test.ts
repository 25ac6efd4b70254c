import { getFloat16, setFloat16 } from "@petamoriken/float16";
import fc from "fast-check";
import { expect, test } from "vitest";
import { roundTo } from "./precision.ts";

test("rounding to binary16 is to nearest, without double rounding", () => {
  const view = new DataView(new ArrayBuffer(2));
  fc.assert(
    fc.property(fc.double({ min: -70_000, max: 70_000, noNaN: true }), (value) => {
      setFloat16(view, 0, value);
      expect(Object.is(roundTo.f16(value), getFloat16(view, 0))).toBe(true);
    }),
  );
  expect(roundTo.f16(65_504)).toBe(65_504);
  expect(roundTo.f16(65_520)).toBe(Number.POSITIVE_INFINITY);
  // Halfway between two neighbours except for a bit that float32 cannot represent: rounding twice would round down.
  expect(roundTo.f16(1 + 2 ** -11 + 2 ** -40)).toBe(1 + 2 ** -10);
});
