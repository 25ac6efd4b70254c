import { expect, test } from "vitest";
import { openRandomOdd, positionIds } from "../../test/support/golden.ts";
import { bertForQuestionAnswering } from "../architectures/bert/program.ts";
import { ReferenceEngine } from "../engines/reference/reference-engine.ts";
import { computeOrder } from "../program/order.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { assumeUnmasked } from "./assume-unmasked.ts";

test("the unmasked program equals the original with a mask of ones", async () => {
  const checkpoint = await openRandomOdd();
  const program = bertForQuestionAnswering(checkpoint.config);
  const unmasked = assumeUnmasked(program);
  expect(
    computeOrder(unmasked).some(({ operation }) => "name" in operation && operation.name === "attention_mask"),
  ).toBe(false);
  const integers = (data: Int32Array): Tensor => ({ dtype: "i32", shape: [2, 9], data });
  const inputs = new Map([
    ["input_ids", integers(Int32Array.from({ length: 18 }, (_, index) => (index * 31) % 211))],
    ["token_type_ids", integers(Int32Array.from({ length: 18 }, (_, index) => (index % 9 > 4 ? 1 : 0)))],
    ["position_ids", positionIds(2, 9)],
    ["attention_mask", integers(new Int32Array(18).fill(1))],
  ]);
  const run = async (which: typeof program) => {
    const executable = await new ReferenceEngine().compile(which, (name) => checkpoint.weights.read(name));
    return executable.run(inputs);
  };
  expect(await run(unmasked)).toEqual(await run(program));
  await checkpoint.close();
});

test("a program without a mask is unchanged", async () => {
  const checkpoint = await openRandomOdd();
  const unmasked = assumeUnmasked(bertForQuestionAnswering(checkpoint.config));
  const again = assumeUnmasked(unmasked);
  for (const [name, value] of unmasked.outputs) expect(again.outputs.get(name)).toBe(value);
  await checkpoint.close();
});
