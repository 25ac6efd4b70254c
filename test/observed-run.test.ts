/** An observed run on the GPU: the intermediate stages that its kernels store, copied before their memory is reused. */
import { f16round } from "@petamoriken/float16";
import { expect, test } from "vitest";
import { bertForQuestionAnswering } from "../src/architectures/bert/program.ts";
import type { Engine } from "../src/engines/engine.ts";
import type { GpuPrecision } from "../src/engines/webgpu/device/precision.ts";
import { WebGpuEngine } from "../src/engines/webgpu/webgpu-engine.ts";
import { loadDawn } from "../src/platform/dawn.ts";
import { observeOthers } from "../src/program/program.ts";
import type { Level } from "../src/schedule/levels.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { realRows } from "../src/verify/compare/positions.ts";
import { relativeError } from "../src/verify/layer/layer-under-test.ts";
import { openRandomOdd, positionIds, readGolden, required } from "./support/golden.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

if (softwareGpuMissing !== undefined) console.log(`Not tested on a GPU: ${softwareGpuMissing}.`);

/** A layer of the padded golden batch, whose only output is its last stage: all other stages are temporary. */
async function runs(engine: Engine) {
  const checkpoint = await openRandomOdd();
  const golden = await readGolden("random-odd/golden.safetensors");
  const [batch = 0, sequence = 0] = required(golden.get("attention_mask")).shape;
  const inputs = new Map([...golden, ["position_ids", positionIds(batch, sequence)]]);
  const program = observeOthers(bertForQuestionAnswering(checkpoint.config), ["layer.0.output"]);
  const executable = await engine.compile(program, (name) => checkpoint.weights.read(name));
  const observed = await executable.run(inputs, { observe: true });
  const unobserved = await executable.run(inputs);
  await executable.dispose();
  await engine.dispose?.();
  await checkpoint.close();
  const real = realRows(required(golden.get("attention_mask")).data as Int32Array, batch, sequence);
  const errors = [...observed].map(([name, found]) => {
    const expected = required(golden.get(name), name);
    expect(found.shape, name).toEqual(expected.shape);
    return relativeError(expected, found, real(expected.shape));
  });
  return { observed, unobserved, worstError: Math.max(...errors) };
}

const gpuEngine = async (level: Level, precision: GpuPrecision): Promise<Engine> =>
  new WebGpuEngine(await loadDawn(), { level, precision, skipSelfTest: true });

const writtenAtO3 = ["query", "key", "value", "context", "intermediate"].map((stage) => `layer.0.${stage}`);

const isHalf = ({ data }: Tensor): boolean =>
  Array.from(data, Number).every((element) => f16round(element) === element);

test.skipIf(softwareGpuMissing !== undefined)(
  "returns the stages that fused kernels store, and the same output as an unobserved run",
  async () => {
    const { observed, unobserved, worstError } = await runs(await gpuEngine("O3", "f32"));
    expect([...observed.keys()]).toEqual(["layer.0.output", "embeddings", ...writtenAtO3]);
    expect(worstError).toBeLessThanOrEqual(1e-5);
    expect([...unobserved]).toEqual([["layer.0.output", required(observed.get("layer.0.output"))]]);
  },
);

test.skipIf(softwareGpuMissing !== undefined)("returns stages stored as float16 with float16 rounding", async () => {
  const { observed, unobserved, worstError } = await runs(await gpuEngine("O3", "f16-storage"));
  expect(worstError).toBeLessThanOrEqual(5e-3);
  for (const name of writtenAtO3) expect(isHalf(required(observed.get(name))), name).toBe(true);
  expect(isHalf(required(observed.get("layer.0.output")))).toBe(false);
  expect(unobserved.get("layer.0.output")).toEqual(observed.get("layer.0.output"));
});
