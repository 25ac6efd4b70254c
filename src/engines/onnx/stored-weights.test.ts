import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { add, gather, input, matmul, parameter, transpose } from "../../program/build.ts";
import { toFloat64 } from "../../tensor/half.ts";
import { elementCount, type FloatDType, type Tensor } from "../../tensor/tensor.ts";
import { ReferenceEngine } from "../reference/reference-engine.ts";
import { onnxType } from "./graph.ts";
import { lowerToOnnx } from "./lower.ts";
import { OnnxEngine } from "./onnx-engine.ts";
import { withStoredWeights } from "./stored-weights.ts";

const ids = input("ids", ["batch", "sequence"], "integer");
const table = parameter("table", [5, 3]);
const weight = parameter("weight", [2, 3]);
const bias = parameter("bias", [2]);
const rows = gather(table, ids);
const program = { outputs: new Map([["result", add(matmul(rows, transpose(weight, [1, 0])), bias)]]) };

/** 0.5, −1, 2, 0.25: exact in every format. */
const halfWords = { f16: [0x3800, 0xbc00, 0x4000, 0x3400], bf16: [0x3f00, 0xbf80, 0x4000, 0x3e80] } as const;
const numbers = [0.5, -1, 2, 0.25];

function stored(dtype: FloatDType, shape: readonly number[]): Tensor<FloatDType> {
  const length = elementCount(shape);
  const from = <T>(words: readonly T[]): T[] => Array.from({ length }, (_, index) => words[index % 4] as T);
  if (dtype === "f32") return { dtype, shape, data: Float32Array.from(from(numbers)) };
  if (dtype === "f64") return { dtype, shape, data: Float64Array.from(from(numbers)) };
  return { dtype, shape, data: Uint16Array.from(from<number>(halfWords[dtype])) };
}

const shapes: Readonly<Record<string, readonly number[]>> = { table: [5, 3], weight: [2, 3], bias: [2] };
const readerOf = (dtype: FloatDType) => async (name: string) => stored(dtype, shapes[name] ?? []);
const inputs = new Map<string, Tensor>([["ids", { dtype: "i32", shape: [2, 2], data: Int32Array.of(4, 0, 1, 3) }]]);

describe("external weights in their stored types", () => {
  test.each(["f16", "bf16", "f32", "f64"] as const)("%s equals the interpreter", async (dtype) => {
    const read = readerOf(dtype);
    const cpu = await new OnnxEngine(ort, { executionProvider: "cpu" }).compile(program, read);
    const reference = await new ReferenceEngine().compile(program, read);
    const [result, expected] = await Promise.all([cpu.run(inputs), reference.run(inputs)]);
    expect([...toFloat64(result.get("result") as Tensor)]).toEqual([...toFloat64(expected.get("result") as Tensor)]);
    await cpu.dispose();
  });

  test("tables and matrices are passed without a copy, and none is left in the model", async () => {
    const read = readerOf("f16");
    const tensors = new Map(
      await Promise.all(Object.keys(shapes).map(async (name) => [name, await read(name)] as const)),
    );
    const { graph, data } = await withStoredWeights(lowerToOnnx(program), async (name) => tensors.get(name) as never);
    expect(graph.weights).toEqual([]);
    expect(data.map(({ path }) => path).sort()).toEqual(["bias", "table", "weight"]);
    for (const { path, data: bytes } of data.filter((file) => file.path !== "bias")) {
      expect(bytes.buffer).toBe(tensors.get(path)?.data.buffer);
    }
  });

  test("vectors are widened before, and matrices too if asked for", async () => {
    const typesOf = async (widenMatrices: boolean) => {
      const { graph } = await withStoredWeights(lowerToOnnx(program), readerOf("f16"), { widenMatrices });
      return Object.fromEntries((graph.externals ?? []).map(({ path, type }) => [path, type]));
    };
    const { float, float16 } = onnxType;
    expect(await typesOf(false)).toEqual({ table: float16, weight: float16, bias: float });
    expect(await typesOf(true)).toEqual({ table: float16, weight: float, bias: float });
  });

  test("only the gathered rows of a table are widened", async () => {
    const { graph } = await withStoredWeights(lowerToOnnx(program), readerOf("f16"));
    const gathering = graph.nodes.find(({ operator }) => operator === "Gather");
    expect(gathering?.inputs[0]).toBe("table");
    const widened = graph.nodes.filter(({ operator }) => operator === "Cast").map(({ inputs: [name] }) => name);
    expect(widened).not.toContain("table");
    expect(widened).toContain(gathering?.output);
  });

  test("an abort stops reading", async () => {
    const controller = new AbortController();
    const read = async (name: string) => {
      controller.abort(new Error("enough"));
      return readerOf("f32")(name);
    };
    const reading = withStoredWeights(lowerToOnnx(program), read, { signal: controller.signal });
    await expect(reading).rejects.toThrow("enough");
  });
});
