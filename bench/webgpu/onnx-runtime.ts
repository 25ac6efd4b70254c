/**
 * ONNX Runtime's side: its WebGPU provider in Node, on the model that `fusebert export` writes, with the same weights.
 */
import { encodeOnnx } from "../../src/engines/onnx/encode.ts";
import { toHalfPrecision } from "../../src/engines/onnx/half-precision.ts";
import { lowerToOnnx } from "../../src/engines/onnx/lower.ts";
import { portableDialect } from "../../src/engines/onnx/portable.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { randomParameters } from "./random-bert.ts";
import { programOf, type Setup } from "./setup.ts";

/** @returns a function that prepares a batch and returns a function that computes it. */
export async function startOnnxRuntime(
  setup: Setup,
  precision: "f32" | "f16",
): Promise<(inputs: ReadonlyMap<string, Tensor>) => () => Promise<unknown>> {
  const ort = await import("onnxruntime-node");
  const graph = lowerToOnnx(programOf(setup), portableDialect(setup.config));
  const model = await encodeOnnx(
    precision === "f16" ? toHalfPrecision(graph) : graph,
    randomParameters(setup.config, false),
  );
  const session = await ort.InferenceSession.create(model, { executionProviders: ["webgpu"] });
  return (inputs) => {
    const feeds = Object.fromEntries(
      [...inputs]
        .filter(([name]) => session.inputNames.includes(name))
        .map(([name, { data, shape }]) => {
          return [name, new ort.Tensor("int64", BigInt64Array.from(data as Int32Array, BigInt), shape)];
        }),
    );
    return () => session.run(feeds);
  };
}
