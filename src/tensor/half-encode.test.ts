import { Float16Array } from "@petamoriken/float16";
import { expect, test } from "vitest";
import { encodeF16 } from "./half.ts";

/** Binary16 numbers, the midpoints between them, and the adjacent float32 numbers. */
test("float32 numbers become the nearest binary16, ties to even", () => {
  const reference = new Float16Array(1);
  const bits = new Uint16Array(reference.buffer);
  const wrong: number[] = [];
  const check = (value: number): void => {
    reference[0] = Math.fround(value);
    if (encodeF16(Math.fround(value)) !== bits[0]) wrong.push(value);
  };
  const word = new Uint32Array(1);
  const float = new Float32Array(word.buffer);
  for (let half = 0; half < 0x7c00; half += 7) {
    bits[0] = half;
    const value = reference[0] as number;
    bits[0] = half + 1;
    const next = reference[0] as number;
    const middle = Number.isFinite(next) ? (value + next) / 2 : 65_520;
    for (const center of [value, middle]) {
      float[0] = center;
      const exact = word[0] as number;
      for (const step of [-1, 0, 1]) {
        if (exact + step < 0) continue;
        word[0] = exact + step;
        check(float[0] as number);
        check(-(float[0] as number));
      }
    }
  }
  for (const value of [65_504, 65_519.99, 65_520, 65_536, 1e38, Number.POSITIVE_INFINITY, 2 ** -25, 2 ** -24, 1e-40]) {
    check(value);
    check(-value);
  }
  expect(wrong).toEqual([]);
  expect(encodeF16(Number.NaN) & 0x7fff).toBeGreaterThan(0x7c00);
});
