/**
 * The library's entry point, used as in docs/verification.md.
 */
import { expect, test } from "vitest";
import { openRandomOdd, readGolden, required } from "../../test/support/golden.ts";
import { compare, fullMask, type Tensor, verify } from "./index.ts";

test("two tensors are compared", () => {
  const original: Tensor = { dtype: "f32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) };
  const candidate: Tensor = { dtype: "f32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4.001) };
  const { maxAbsolute, l2Relative } = compare({ original, candidate, precision: "f16" });
  expect(maxAbsolute.index).toEqual([1, 1]);
  expect(maxAbsolute.value).toBeCloseTo(0.001, 6);
  expect(l2Relative).toBeCloseTo(0.001 / Math.sqrt(30), 7);
});

test("a layer's output is judged and explained", async () => {
  const checkpoint = await openRandomOdd();
  const golden = await readGolden("random-odd/golden.safetensors");
  // The last of the three sequences has no padding.
  const third = (name: string): Tensor => {
    const { data, shape } = required(golden.get(name)) as Tensor<"f32">;
    const size = data.length / 3;
    return { dtype: "f32", shape: [1, ...shape.slice(1)], data: data.slice(2 * size) };
  };
  const hiddenStates = third("embeddings");
  const judge = (output: Tensor) =>
    verify({
      model: { name: "mine", config: checkpoint.config, read: (name) => checkpoint.weights.read(name) },
      layers: [0],
      inputs: { hiddenStates, attentionMask: fullMask(1, 64) },
      candidates: [
        {
          kind: "dump",
          name: "my kernel",
          precision: "f32",
          stages: new Map([["layer.0.output", output]]),
          hiddenStates,
        },
      ],
    });
  const good = await judge(third("layer.0.output"));
  expect(good.passed).toBe(true);
  const wrong = await judge(third("layer.1.output"));
  expect(wrong.passed).toBe(false);
  expect(wrong.candidates[0]?.layers[0]?.diagnosis.sentence).toContain("Unexplained");
  await checkpoint.close();
});
