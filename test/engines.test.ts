/** The behaviour of every engine, against tensors PyTorch computed in float64 and Hugging Face's BERT. */
import { describe, expect, test } from "vitest";
import { bertForQuestionAnswering } from "../src/architectures/bert/program.ts";
import type { Checkpoint } from "../src/architectures/checkpoint.ts";
import { selectOutputs } from "../src/program/program.ts";
import { assumeUnmasked } from "../src/rewrites/assume-unmasked.ts";
import { toFloat64 } from "../src/tensor/half.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { enginesUnderTest } from "./support/engines.ts";
import { openBuiltIn, openRandomOdd, positionIds, readGolden, required } from "./support/golden.ts";

const reader = (checkpoint: Checkpoint) => (name: string) => checkpoint.weights.read(name);

/** For every element of a stage, whether it is at a real query position (padding rows are arbitrary). */
function realPositions(stage: Tensor, mask: Int32Array, sequence: number): (index: number) => boolean {
  const width = stage.shape.length === 2 ? 1 : required(stage.shape.at(-1));
  const heads = stage.shape.length === 4 ? required(stage.shape[1]) : 1;
  return (index) => {
    const row = Math.floor(index / width);
    const batch = Math.floor(row / (sequence * heads));
    return mask[batch * sequence + (row % sequence)] !== 0;
  };
}

/** The largest difference over real positions, relative to the stage's largest magnitude there. */
function worstError(actual: Tensor, expected: Tensor, isReal: (index: number) => boolean): number {
  const [found, wanted] = [toFloat64(actual), toFloat64(expected)];
  let largest = 0;
  let worst = 0;
  wanted.forEach((value, index) => {
    if (!isReal(index)) return;
    largest = Math.max(largest, Math.abs(value));
    const difference = Math.abs(value - required(found[index]));
    worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
  });
  return worst / largest;
}

describe.each(enginesUnderTest)("$name", ({ engine, tolerance, logitTolerance, isSlow }) => {
  test("every stage of a padded batch of odd shape equals the golden tensor", async () => {
    const checkpoint = await openRandomOdd();
    const golden = await readGolden("random-odd/golden.safetensors");
    const mask = required(golden.get("attention_mask"));
    const sequence = required(mask.shape[1]);
    const inputs = new Map([...golden, ["position_ids", positionIds(3, sequence)]]);
    const program = bertForQuestionAnswering(checkpoint.config);
    const executable = await engine.compile(program, reader(checkpoint));
    const outputs = await executable.run(inputs);

    expect(outputs.size).toBe(1 + 11 * checkpoint.config.layers + 2);
    for (const [name, actual] of outputs) {
      const expected = required(golden.get(name), name);
      expect(actual.shape, name).toEqual(expected.shape);
      const isReal = realPositions(expected, mask.data as Int32Array, sequence);
      expect(worstError(actual, expected, isReal), name).toBeLessThanOrEqual(tolerance);
    }
    for (const name of ["start_logits", "end_logits"]) {
      const expected = required(golden.get(`hf_${name}`));
      const isReal = realPositions(expected, mask.data as Int32Array, sequence);
      const [found, wanted] = [toFloat64(required(outputs.get(name))), toFloat64(expected)];
      wanted.forEach((value, index) => {
        if (isReal(index))
          expect(Math.abs(value - required(found[index]))).toBeLessThanOrEqual(Math.max(1e-4, 10 * tolerance));
      });
    }
    await executable.dispose();
    await checkpoint.close();
  });

  test("masked keys get no attention, and a row with everything masked gives zeros", async () => {
    const checkpoint = await openRandomOdd();
    const ones = (value: number): Tensor => ({ dtype: "i32", shape: [2, 5], data: new Int32Array(10).fill(value) });
    const inputs = new Map<string, Tensor>([
      ["input_ids", ones(7)],
      ["token_type_ids", ones(0)],
      ["position_ids", positionIds(2, 5)],
      ["attention_mask", { dtype: "i32", shape: [2, 5], data: Int32Array.of(1, 0, 1, 1, 0, 0, 0, 0, 0, 0) }],
    ]);
    const names = ["layer.0.attention_scores", "layer.0.attention_probs", "layer.0.context", "start_logits"];
    const program = selectOutputs(bertForQuestionAnswering(checkpoint.config), names);
    const executable = await engine.compile(program, reader(checkpoint));
    const outputs = await executable.run(inputs);
    const probabilities = toFloat64(required(outputs.get("layer.0.attention_probs")));
    const [firstRow, secondRow] = [probabilities.subarray(0, 75), probabilities.subarray(75)];
    // The attention of a masked query is arbitrary.
    for (const row of [0, 1, 2].flatMap((head) => [0, 2, 3].map((query) => head * 5 + query))) {
      const keys = firstRow.subarray(row * 5, row * 5 + 5);
      expect([keys[1], keys[4]]).toEqual([0, 0]);
      expect(Math.abs(keys.reduce((sum, value) => sum + value, 0) - 1)).toBeLessThanOrEqual(tolerance);
    }
    expect(secondRow.every((value) => value === 0)).toBe(true);
    const context = toFloat64(required(outputs.get("layer.0.context")));
    expect(context.subarray(context.length / 2).every((value) => value === 0)).toBe(true);
    expect(toFloat64(required(outputs.get("start_logits"))).every(Number.isFinite)).toBe(true);
    await executable.dispose();
    await checkpoint.close();
  });

  test.skipIf(isSlow)("the built-in model's logits are Hugging Face's, on three questions", async () => {
    const checkpoint = await openBuiltIn();
    const golden = await readGolden("model/golden.safetensors");
    const all = bertForQuestionAnswering(checkpoint.config);
    const program = assumeUnmasked(selectOutputs(all, ["embeddings", "layer.0.output", "start_logits", "end_logits"]));
    const executable = await engine.compile(program, reader(checkpoint));
    for (const question of [0, 1, 2]) {
      const of = (name: string) => required(golden.get(`${question}.${name}`), name);
      const ids = of("input_ids");
      const inputs = new Map([
        ["input_ids", ids],
        ["token_type_ids", of("token_type_ids")],
        ["position_ids", positionIds(1, required(ids.shape[1]))],
      ]);
      const outputs = await executable.run(inputs);
      for (const [name, actual] of outputs) {
        const [found, wanted] = [toFloat64(actual), toFloat64(of(name))];
        const worst = wanted.reduce((max, value, index) => Math.max(max, Math.abs(value - required(found[index]))), 0);
        expect(worst, `${question}.${name}`).toBeLessThanOrEqual(logitTolerance);
      }
    }
    await executable.dispose();
    await checkpoint.close();
  });

  test("missing inputs and inputs of a wrong shape are named", async () => {
    const checkpoint = await openRandomOdd();
    const program = selectOutputs(bertForQuestionAnswering(checkpoint.config), ["embeddings"]);
    const executable = await engine.compile(program, reader(checkpoint));
    const ids = positionIds(1, 4);
    await expect(executable.run(new Map([["input_ids", ids]]))).rejects.toThrow(/input token_type_ids is missing/);
    const wrong = new Map([
      ["input_ids", ids],
      ["token_type_ids", positionIds(1, 3)],
      ["position_ids", ids],
    ]);
    await expect(executable.run(wrong)).rejects.toThrow(/token_type_ids has shape \[1, 3\].*sequence = 4/);
    await executable.dispose();
    await checkpoint.close();
  });

  test("an aborted run rejects with the reason", async () => {
    const checkpoint = await openRandomOdd();
    const program = selectOutputs(bertForQuestionAnswering(checkpoint.config), ["embeddings"]);
    const executable = await engine.compile(program, reader(checkpoint));
    const ids = positionIds(1, 4);
    const inputs = new Map(["input_ids", "token_type_ids", "position_ids"].map((name) => [name, ids]));
    const reason = new Error("enough");
    await expect(executable.run(inputs, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await executable.dispose();
    await checkpoint.close();
  });
});
