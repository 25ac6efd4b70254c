import { getFloat16 } from "@petamoriken/float16";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeBf16, decodeF16, toFloat32, toFloat64 } from "./half.ts";

test("every binary16 pattern decodes as in the library", () => {
  const bits = Uint16Array.from({ length: 65_536 }, (_, index) => index);
  const values = new Float64Array(65_536);
  decodeF16(bits, values);
  const view = new DataView(new ArrayBuffer(2));
  const wrong = bits.filter((pattern) => {
    view.setUint16(0, pattern);
    return !Object.is(values[pattern], getFloat16(view, 0));
  });
  expect([...wrong]).toEqual([]);
});

test("bfloat16 is the upper half of a float32", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 65_535 }), (pattern) => {
      const view = new DataView(new ArrayBuffer(4));
      view.setUint16(0, pattern);
      const value = new Float64Array(1);
      decodeBf16(Uint16Array.of(pattern), value);
      expect(value[0]).toEqual(view.getFloat32(0));
    }),
  );
});

test("conversions copy only if needed", () => {
  const f32 = { dtype: "f32", shape: [2], data: Float32Array.of(1, 2) } as const;
  expect(toFloat32(f32)).toBe(f32.data);
  expect(toFloat64(f32)).toEqual(Float64Array.of(1, 2));
  expect(toFloat64({ dtype: "i64", shape: [2], data: BigInt64Array.of(-1n, 7n) })).toEqual(Float64Array.of(-1, 7));
  expect(toFloat32({ dtype: "f16", shape: [1], data: Uint16Array.of(0x3c00) })).toEqual(Float32Array.of(1));
});
