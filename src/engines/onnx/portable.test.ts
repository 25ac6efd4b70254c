import { describe, expect, test } from "vitest";
import { bertForQuestionAnswering } from "../../architectures/bert/program.ts";
import { input, matmul, parameter } from "../../program/build.ts";
import { type Program, selectOutputs } from "../../program/program.ts";
import { type OnnxGraph, onnxType } from "./graph.ts";
import { toHalfPrecision } from "./half-precision.ts";
import { lowerToOnnx } from "./lower.ts";
import { portableDialect } from "./portable.ts";
import { countOperators, tinyConfig } from "./testing.ts";

const bert = selectOutputs(bertForQuestionAnswering(tinyConfig), ["start_logits", "end_logits"]);
const lower = (program: Program = bert) => lowerToOnnx(program, portableDialect({}));

describe("BERT for every runtime", () => {
  test("uses operators of opset 18, GELU by Erf, and an additive mask", () => {
    expect(lower().opset).toBe(18);
    expect(countOperators(lower())).toEqual({
      Gather: 2,
      Shape: 1,
      Slice: 1 + 2,
      LayerNormalization: 1 + 2 * 3,
      MatMul: 8 * 3 + 1,
      Add: 2 + 10 * 3 + 1,
      Mul: 3 * 3,
      Div: 3,
      Erf: 3,
      Softmax: 3,
      Reshape: 1 + 4 * 3 + 2,
      Transpose: 5 * 3,
      Cast: 1,
      Where: 1,
    });
  });

  test("takes ids and mask as int64, and computes the positions", () => {
    const { inputs } = lower();
    expect(inputs.map(({ name }) => name).sort()).toEqual(["attention_mask", "input_ids", "token_type_ids"]);
    for (const { type, shape } of inputs) expect({ type, shape }).toEqual({ type: 7, shape: ["batch", "sequence"] });
  });
});

/** Infers the types of all tensors. */
function typesOf(graph: OnnxGraph): Map<string, number> {
  const all = [...graph.inputs, ...graph.weights, ...graph.constants];
  const types = new Map<string, number>(all.map(({ name, type }) => [name, type]));
  for (const { operator, inputs, output, attributes } of graph.nodes) {
    const data = operator === "Where" ? inputs.slice(1) : inputs;
    const to = attributes["to"];
    const [first] = data.map((name) => types.get(name));
    types.set(output, operator === "Cast" && to && "int" in to ? to.int : operator === "Shape" ? 7 : (first ?? 0));
  }
  return types;
}

describe("in float16", () => {
  const graph = toHalfPrecision(lower());
  const types = typesOf(graph);
  const isFloat = (type: number | undefined) => type === onnxType.float || type === onnxType.float16;
  const typesRead = (operator: string) =>
    graph.nodes
      .filter((node) => node.operator === operator)
      .map(({ inputs }) => [...new Set(inputs.map((name) => types.get(name)).filter(isFloat))]);

  test("all float inputs of a node have one type", () => {
    for (const node of graph.nodes) {
      const found = new Set(node.inputs.map((name) => types.get(name)).filter(isFloat));
      expect(found.size, `${node.operator} ${node.output}`).toBeLessThanOrEqual(1);
    }
  });

  test("matmuls and GELU are in float16, LayerNorm and softmax in float32", () => {
    for (const operator of ["MatMul", "Erf", "Div", "Gather"]) {
      for (const read of typesRead(operator)) expect(read, operator).toEqual([onnxType.float16]);
    }
    for (const operator of ["LayerNormalization", "Softmax", "Where"]) {
      for (const read of typesRead(operator)) expect(read, operator).toEqual([onnxType.float]);
    }
  });

  test("the sums before LayerNorm and softmax are in float32", () => {
    const makers = new Map(graph.nodes.map((node) => [node.output, node]));
    const reading = graph.nodes.filter(({ operator }) => operator === "LayerNormalization" || operator === "Softmax");
    for (const { inputs } of reading) {
      const sum = makers.get(inputs[0] ?? "");
      expect(sum?.operator).toBe("Add");
      for (const name of sum?.inputs ?? []) expect(types.get(name)).toBe(onnxType.float);
    }
  });

  test("matrices and tables are stored as float16, inputs and outputs do not change", () => {
    for (const { shape, type, name } of graph.weights) {
      if (shape.length === 2) expect(type, name).toBe(onnxType.float16);
    }
    expect(graph.inputs).toEqual(lower().inputs);
    expect(graph.outputs.map(({ name }) => types.get(name))).toEqual([onnxType.float, onnxType.float]);
  });

  test("no constant overflows in float16", () => {
    const halves = graph.constants.flatMap(({ data }) => (data instanceof Uint16Array ? [...data] : []));
    expect(halves.length).toBeGreaterThan(0);
    for (const bits of halves) expect(bits & 0x7c00).not.toBe(0x7c00);
  });

  test("the output of a matmul is cast to float32", () => {
    const product = matmul(input("x", ["batch", 4], "real"), parameter("w", [4, 3]));
    const half = toHalfPrecision(lower({ outputs: new Map([["product", product]]) }));
    expect(half.nodes.map(({ operator, inputs, output }) => [operator, inputs, output])).toEqual([
      ["Cast", ["x"], "x.float16"],
      ["MatMul", ["x.float16", "w"], "product.float16"],
      ["Cast", ["product.float16"], "product"],
    ]);
  });
});
