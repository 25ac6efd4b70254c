import fc from "fast-check";
import { expect, test } from "vitest";
import type { Tensor } from "../tensor/tensor.ts";
import type { Executable } from "./engine.ts";
import { planBatches, runSequences } from "./sequence-runner.ts";

test("every sequence is in one batch; a batch has one length and at most the allowed tokens", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 100 }),
      (lengths, tokensPerBatch) => {
        const batches = planBatches(lengths, tokensPerBatch);
        expect(batches.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, index) => index));
        for (const batch of batches) {
          const [length = 0, ...others] = batch.map((index) => lengths[index]);
          expect(others.every((other) => other === length)).toBe(true);
          expect(batch.length === 1 || batch.length * length <= tokensPerBatch).toBe(true);
        }
      },
    ),
  );
});

/** Returns the ids as start logits and the positions as end logits. */
const echo: Executable = {
  description: "echo",
  async run(inputs) {
    const ids = inputs.get("input_ids") as Tensor<"i32">;
    const positions = inputs.get("position_ids") as Tensor<"i32">;
    return new Map<string, Tensor>([
      ["start_logits", { dtype: "f32", shape: ids.shape, data: Float32Array.from(ids.data) }],
      ["end_logits", { dtype: "f32", shape: ids.shape, data: Float32Array.from(positions.data) }],
    ]);
  },
  async dispose() {},
};

test("each sequence gets its own logits", async () => {
  const sequences = [[5, 6, 7], [8], [1, 2, 3], [4, 4], [9]].map((ids) => ({
    inputIds: Int32Array.from(ids),
    tokenTypeIds: new Int32Array(ids.length),
  }));
  const seen = new Map<number, number[]>();
  for await (const batch of runSequences(echo, sequences, {})) {
    for (const { index, start, end } of batch) {
      seen.set(index, Array.from(start));
      expect(Array.from(end)).toEqual(Array.from(start, (_, position) => position));
    }
  }
  expect(sequences.map((_, index) => seen.get(index))).toEqual([[5, 6, 7], [8], [1, 2, 3], [4, 4], [9]]);
});

test("an abort takes effect before the next batch", async () => {
  const controller = new AbortController();
  const sequences = [1, 2, 3].map((length) => ({
    inputIds: new Int32Array(length),
    tokenTypeIds: new Int32Array(length),
  }));
  const batches = runSequences(echo, sequences, {}, { signal: controller.signal });
  await batches.next();
  controller.abort(new Error("enough"));
  await expect(batches.next()).rejects.toThrow("enough");
});
