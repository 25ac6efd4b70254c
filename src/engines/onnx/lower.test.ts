import { describe, expect, test } from "vitest";
import { bertForQuestionAnswering } from "../../architectures/bert/program.ts";
import { add, constant, divide, exp, input, max, maximum, multiply, subtract, sum } from "../../program/build.ts";
import { type Program, selectOutputs, type Value } from "../../program/program.ts";
import { assumeUnmasked } from "../../rewrites/assume-unmasked.ts";
import { lowerToOnnx } from "./lower.ts";
import { countOperators, tinyConfig } from "./testing.ts";

const operators = (program: Program) => countOperators(lowerToOnnx(program));

describe("BERT as ONNX", () => {
  const logits = selectOutputs(bertForQuestionAnswering(tinyConfig), ["start_logits", "end_logits"]);

  test("has one operator for every dense layer, attention, LayerNorm and GELU, and none of their parts", () => {
    const counts = operators(assumeUnmasked(logits));
    expect(counts).toMatchObject({
      Gather: 3,
      LayerNormalization: 1 + 2 * 3,
      // Six dense layers per layer, and the head.
      Gemm: 6 * 3 + 1,
      "com.microsoft.MultiHeadAttention": 3,
      // Embeddings, and two residuals per layer; biases are part of Gemm.
      Add: 2 + 2 * 3,
      Gelu: 3,
      // Query, key, value and context of each layer; the embeddings, the logits and both of their halves.
      Reshape: 4 * 3 + 4,
      Slice: 2,
    });
    for (const part of ["MatMul", "Softmax", "Transpose", "Exp", "Erf", "ReduceSum", "ReduceMax", "Div", "Sqrt", "Pow"])
      expect(counts).not.toHaveProperty(part);
  });

  test("excludes masked keys from the exponent by Where", () => {
    const counts = operators(logits);
    expect(counts["Softmax"]).toBe(3);
    expect(counts["Where"]).toBe(3 * 3);
    expect(counts["Exp"]).toBeUndefined();
  });

  test("emits only what the outputs need", () => {
    const embeddings = selectOutputs(bertForQuestionAnswering(tinyConfig), ["embeddings"]);
    const graph = lowerToOnnx(embeddings);
    expect(graph.nodes.map(({ operator }) => operator)).toEqual([
      "Gather",
      "Gather",
      "Add",
      "Gather",
      "Add",
      "LayerNormalization",
    ]);
    expect(graph.inputs.map(({ name }) => name)).toEqual(["input_ids", "token_type_ids", "position_ids"]);
    expect(graph.outputs).toEqual([{ name: "embeddings", type: 1, shape: ["batch", "sequence", 12] }]);
  });

  test("names every requested stage as an output, computed once", () => {
    const graph = lowerToOnnx(bertForQuestionAnswering(tinyConfig));
    const outputs = graph.outputs.map(({ name }) => name);
    expect(outputs).toEqual([...bertForQuestionAnswering(tinyConfig).outputs.keys()]);
    expect(new Set(graph.nodes.map(({ output }) => output)).size).toBe(graph.nodes.length);
  });
});

describe("near misses of compound operators are not fused", () => {
  const scores = input("scores", ["batch", "sequence"], "real");
  const counts = (value: Value) => operators({ outputs: new Map([["result", value]]) });

  test("a softmax with the maximum of another value", () => {
    const e = exp(subtract(scores, max(multiply(scores, scores))));
    expect(counts(divide(e, sum(e)))["Softmax"]).toBeUndefined();
  });

  test("a softmax with a sum clamped above 1", () => {
    const e = exp(subtract(scores, max(scores)));
    expect(counts(divide(e, maximum(sum(e), constant(2))))["Softmax"]).toBeUndefined();
    expect(counts(divide(e, maximum(sum(e), constant(1))))["Softmax"]).toBe(1);
  });

  test("a softmax without the maximum, which overflows", () => {
    const e = exp(scores);
    expect(counts(divide(e, sum(e)))["Softmax"]).toBeUndefined();
  });

  test("a value that is an output under two names is computed once", () => {
    const doubled = add(scores, scores);
    const graph = lowerToOnnx({
      outputs: new Map([
        ["one", doubled],
        ["two", doubled],
      ]),
    });
    expect(graph.nodes.map(({ operator, output }) => `${operator} ${output}`)).toEqual(["Add one", "Identity two"]);
  });
});
