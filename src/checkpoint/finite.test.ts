import { expect, test } from "vitest";
import type { FloatDType, Tensor } from "../tensor/tensor.ts";
import { checkFinite, firstNonFinite, multiIndex } from "./finite.ts";

const shape = [2, 3];

test.each<[string, Tensor<FloatDType>, string]>([
  [
    "f16 NaN",
    { dtype: "f16", shape, data: Uint16Array.of(0, 0x7bff, 0xfbff, 1, 0x7c01, 0) },
    "NaN at element 4, [1, 1]",
  ],
  ["f16 -Inf", { dtype: "f16", shape, data: Uint16Array.of(0, 0, 0xfc00, 0, 0, 0) }, "-Infinity at element 2, [0, 2]"],
  ["bf16 Inf", { dtype: "bf16", shape, data: Uint16Array.of(0x7f7f, 0, 0, 0x7f80, 0, 0) }, "Infinity at element 3"],
  ["f32 NaN", { dtype: "f32", shape, data: Float32Array.of(1, -3.4e38, 1e-45, 0, 0, Number.NaN) }, "NaN at element 5"],
  ["f32 -Inf", { dtype: "f32", shape, data: Float32Array.of(-1 / 0, 0, 0, 0, 0, 0) }, "-Infinity at element 0, [0, 0]"],
  [
    "f64 Inf",
    { dtype: "f64", shape, data: Float64Array.of(0, 1e308, 1 / 0, 0, 0, 0) },
    "Infinity at element 2, [0, 2]",
  ],
])("%s is found", (_, tensor, message) => {
  expect(() => checkFinite(tensor, "m: tensor w")).toThrow(`m: tensor w is ${message}`);
});

test.each<Tensor<FloatDType>>([
  { dtype: "f16", shape: [3], data: Uint16Array.of(0x7bff, 0xfbff, 0x8000) },
  { dtype: "bf16", shape: [2], data: Uint16Array.of(0x7f7f, 0xff7f) },
  { dtype: "f32", shape: [2], data: Float32Array.of(3.4e38, -1e-45) },
  { dtype: "f64", shape: [2], data: Float64Array.of(1.7e308, -0) },
  { dtype: "f32", shape: [0], data: new Float32Array() },
])("the largest and smallest values of $dtype pass", (tensor) => {
  expect(firstNonFinite(tensor)).toBe(-1);
});

test("multiIndex inverts row-major flattening", () => {
  expect(multiIndex(0, [])).toEqual([]);
  for (let flat = 0; flat < 24; flat++) {
    const [a = 0, b = 0, c = 0] = multiIndex(flat, [2, 3, 4]);
    expect((a * 3 + b) * 4 + c).toBe(flat);
  }
});
