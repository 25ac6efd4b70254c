/** Every family exported as ONNX, run in plain ONNX Runtime with the inputs that other runtimes give. */
import { describe, expect, test } from "vitest";
import { type ModelConfig, questionAnsweringProgram } from "../src/architectures/index.ts";
import { encodeOnnx } from "../src/engines/onnx/encode.ts";
import { toHalfPrecision } from "../src/engines/onnx/half-precision.ts";
import { lowerToOnnx } from "../src/engines/onnx/lower.ts";
import { portableDialect } from "../src/engines/onnx/portable.ts";
import { selectOutputs } from "../src/program/program.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { openExported, runRaw } from "./support/exported-model.ts";
import { required } from "./support/golden.ts";
import {
  goldenError,
  goldenFamilies,
  goldenInputs,
  goldenParameter,
  readGoldenFamilies,
} from "./support/golden-families.ts";

const golden = await readGoldenFamilies();

function exported(config: ModelConfig, isHalf: boolean): Promise<Uint8Array> {
  const program = selectOutputs(questionAnsweringProgram(config), ["start_logits", "end_logits"]);
  const graph = lowerToOnnx(program, portableDialect(config));
  return encodeOnnx(isHalf ? toHalfPrecision(graph) : graph, goldenParameter(config));
}

describe.each([
  ["f32", 1e-5],
  ["f16", 1e-2],
] as const)("%s", (precision, tolerance) => {
  test.each(goldenFamilies)("$name: transformers' logits from ids, mask and types alone", async ({ name, config }) => {
    const session = await openExported(await exported(config, precision === "f16"));
    const known = ["input_ids", "attention_mask", ...(config.tokenTypes > 1 ? ["token_type_ids"] : [])];
    expect([...session.inputNames].sort()).toEqual([...known].sort());
    const inputs = goldenInputs(config);
    const feeds = known.map((input) => [input, Array.from(required(inputs.get(input)).data, BigInt)] as const);
    const { dims, start, end } = await runRaw(session, [2, 40], Object.fromEntries(feeds));
    for (const [logits, data] of Object.entries({ start_logits: start, end_logits: end })) {
      const found: Tensor = { dtype: "f32", shape: dims, data };
      expect(goldenError(found, required(golden.get(`${name}/${logits}`)))).toBeLessThanOrEqual(tolerance);
    }
    await session.release();
  });
});
