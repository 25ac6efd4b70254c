/**
 * Kernels for tensor cores on the software GPU, with fragments emulated lane by lane (support/emulate-tensor-cores.ts) and
 * everything else unchanged. Workgroup memory initially holds garbage, as in trusted kernels.
 */
import { expect, test } from "vitest";
import { interpret } from "../src/engines/reference/interpret.ts";
import { GpuDevice } from "../src/engines/webgpu/device/gpu-device.ts";
import { tensorAttention } from "../src/engines/webgpu/kernels/attention/tensor-attention.ts";
import type { TensorAttentionTile } from "../src/engines/webgpu/kernels/attention/tensor-tiles.ts";
import { gemv } from "../src/engines/webgpu/kernels/matmul/gemv.ts";
import { tensorMatmul } from "../src/engines/webgpu/kernels/matmul/tensor-family.ts";
import type { TensorTile } from "../src/engines/webgpu/kernels/matmul/tensor-tiles.ts";
import { type LoweredKernel, lowerToWgsl } from "../src/engines/webgpu/plan/lower.ts";
import { Placement } from "../src/engines/webgpu/plan/placement.ts";
import { GpuProgram } from "../src/engines/webgpu/run/gpu-program.ts";
import { KernelBindings } from "../src/engines/webgpu/wgsl/bindings.ts";
import { Declarations } from "../src/engines/webgpu/wgsl/declarations.ts";
import type { KernelSource } from "../src/engines/webgpu/wgsl/kernel-source.ts";
import { loadDawn } from "../src/platform/dawn.ts";
import { input, matmul, parameter, reshape, transpose } from "../src/program/build.ts";
import type { Extent, Program, Value } from "../src/program/program.ts";
import { type Level, scheduleAt } from "../src/schedule/levels.ts";
import type { Schedule } from "../src/schedule/schedule.ts";
import { seededUniform } from "../src/tensor/random.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { relativeError } from "../src/verify/layer/layer-under-test.ts";
import { emulateTensorCores } from "./support/emulate-tensor-cores.ts";
import { required } from "./support/golden.ts";
import { divisibleLayer as config, layerError } from "./support/lowered-layer.ts";
import { poisonMemory } from "./support/poison-memory.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";
import { boundAsPartialSums, smallTile, tileOfK } from "./support/split-k.ts";

if (softwareGpuMissing !== undefined) console.log(`Not tested on a GPU: ${softwareGpuMissing}.`);

interface Tiles {
  readonly matmul: TensorTile;
  readonly attention: TensorAttentionTile;
}

/** The schedule's kernels as for a GPU with tensor cores, emulated. */
function lower(schedule: Schedule, placement: Placement, { matmul, attention }: Tiles): LoweredKernel[] {
  // First without tensor cores, with as many partial sums, so that the LayerNorm reduces them.
  const tiles = tileOfK(config.intermediateSize, { ...smallTile, splitK: matmul.splitK });
  const plain = lowerToWgsl(schedule, placement, { workgroupMemory: 16_384, workgroupSize: 256, tiles }, 128);
  const partialSums = new Map(boundAsPartialSums(plain).map((bound) => [bound.value, bound.partialSums]));
  // The matmul's, and that of the LayerNorm that reads it.
  expect(partialSums.size).toBe(matmul.splitK > 1 ? 1 : 0);
  return plain.map((lowered) => {
    const [{ kernel, interior, family }] = lowered.plans;
    const bindings = new KernelBindings(placement, partialSums);
    const request = { kernel, interior, bindings, declarations: new Declarations() };
    const emit = (): KernelSource | undefined => {
      if (kernel.template.kind === "attention") return tensorAttention.emit(request, attention);
      if (kernel.template.kind !== "matmul" || family === gemv) return undefined;
      const splitK = Math.max(...kernel.stores.map((value) => bindings.splitKOf(value)));
      return tensorMatmul.emit(request, { ...matmul, splitK });
    };
    const source = emit();
    return source ? { ...lowered, ...source, code: emulateTensorCores(source.code, source.workgroupSize) } : lowered;
  });
}

const ordinaryRounding = 3e-3;

test.skipIf(softwareGpuMissing !== undefined).each([
  [
    "O3",
    { tileM: 32, tileN: 32, tileK: 16, subgroupGrid: [1, 1, 2], prefetchStages: 1, splitK: 1 },
    { queries: 32, keys: 16, subgroupQueries: 32, subgroupsPerQueryTile: 1 },
  ],
  [
    "O2",
    { tileM: 64, tileN: 32, tileK: 16, subgroupGrid: [2, 1, 2], prefetchStages: 2, splitK: 2 },
    { queries: 16, keys: 64, subgroupQueries: 16, subgroupsPerQueryTile: 4 },
  ],
  // Tiles that the tuner tries (src/engines/webgpu/tune/candidates.ts).
  [
    "O4",
    { tileM: 48, tileN: 32, tileK: 32, subgroupGrid: [1, 1, 2], prefetchStages: 3, splitK: 1 },
    { queries: 64, keys: 32, subgroupQueries: 32, subgroupsPerQueryTile: 2 },
  ],
] satisfies [Level, TensorTile, TensorAttentionTile][])(
  "%s computes what the interpreter computes, in tiles of %o and %o",
  async (level, matmul, attention) => {
    const error = await layerError({
      config,
      level,
      precision: "f16-storage",
      lower: (schedule, placement) => lower(schedule, placement, { matmul, attention }).map(poisonMemory),
    });
    expect(error).toBeLessThan(ordinaryRounding);
  },
  120_000,
);

test.skipIf(softwareGpuMissing !== undefined)(
  "products of heads with constants of theirs, as DeBERTa's with positions, are computed in tensor cores",
  async () => {
    const [heads, size, rows] = [3, 16, 40];
    const split = (value: Value, count: Extent, permutation: readonly number[]): Value =>
      transpose(reshape(value, [count, heads, size]), permutation);
    const queries = input("queries", ["tokens", heads * size], "real");
    const positions = parameter("positions", [rows, heads * size]);
    const products = matmul(split(queries, "tokens", [1, 0, 2]), split(positions, rows, [1, 2, 0]));
    const program: Program = { outputs: new Map([["products", products]]) };
    const uniform = seededUniform(3);
    const tensor = (count: number): Tensor<"f32"> => {
      const data = Float32Array.from({ length: count * heads * size }, () => 2 * uniform() - 1);
      return { dtype: "f32", shape: [count, heads * size], data };
    };
    const inputs = new Map([["queries", tensor(37)]]);
    const parameters = new Map([["positions", tensor(rows)]]);
    const schedule = scheduleAt(program, "O4");
    const placement = new Placement(schedule, "f16-storage");
    const device = await GpuDevice.open(await loadDawn());
    const tile = { tileM: 32, tileN: 32, tileK: 16, prefetchStages: 1, splitK: 1 };
    const plain = lowerToWgsl(schedule, placement, { workgroupMemory: 16_384, workgroupSize: 256 });
    const kernels = plain.map((lowered) => {
      const [{ kernel, interior }] = lowered.plans;
      const bindings = new KernelBindings(placement);
      const request = { kernel, interior, bindings, declarations: new Declarations() };
      const source = tensorMatmul.emit(request, { ...tile, subgroupGrid: [1, 1, 1] });
      return poisonMemory({ ...lowered, ...source, code: emulateTensorCores(source.code, source.workgroupSize) });
    });
    const lowerings = [{ maxRows: Number.POSITIVE_INFINITY, kernels }] as const;
    const parts = { program: schedule.program, lowerings, placement, isTraced: false };
    const compiled = await GpuProgram.create(device, parts, async (name) => required(parameters.get(name)));
    const found = await compiled.run(inputs);
    const expected = await interpret(program, parameters, inputs);
    compiled.dispose();
    device.destroy();
    expect(relativeError(required(expected.get("products")), required(found.get("products")))).toBeLessThan(
      ordinaryRounding,
    );
  },
);
