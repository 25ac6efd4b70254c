/**
 * Kernels for tensor cores, which no software GPU has: with fragments emulated lane by lane
 * (support/emulate-tensor-cores.ts), everything else about them is as it is on a GPU that has them.
 */
import { expect, test } from "vitest";
import { expectedParameters } from "../src/checkpoint/parameters.ts";
import { interpret } from "../src/engines/reference/interpret.ts";
import { KernelBindings } from "../src/engines/webgpu/codegen/bindings.ts";
import { GpuDevice } from "../src/engines/webgpu/gpu-device.ts";
import { GpuProgram } from "../src/engines/webgpu/gpu-program.ts";
import type { AttentionTile } from "../src/engines/webgpu/kernels/attention-tiles.ts";
import { isNarrow } from "../src/engines/webgpu/kernels/narrow-matmul.ts";
import { tensorAttentionKernel } from "../src/engines/webgpu/kernels/tensor-attention.ts";
import { tensorMatmulKernel } from "../src/engines/webgpu/kernels/tensor-matmul.ts";
import type { TensorTile } from "../src/engines/webgpu/kernels/tensor-tiles.ts";
import { type LoweredKernel, lowerToWgsl } from "../src/engines/webgpu/lower.ts";
import { packInputs, planPacking } from "../src/engines/webgpu/packing.ts";
import { Placement } from "../src/engines/webgpu/placement.ts";
import { type Level, scheduleAt } from "../src/passes/levels.ts";
import { packSequences } from "../src/passes/pack-sequences.ts";
import type { Schedule } from "../src/passes/schedule.ts";
import { loadDawn } from "../src/platform/dawn.ts";
import { bertForQuestionAnswering } from "../src/program/bert.ts";
import { inputsOf } from "../src/program/bind.ts";
import { computeOrder } from "../src/program/order.ts";
import { selectOutputs } from "../src/program/program.ts";
import { seededUniform } from "../src/tensor/random.ts";
import { elementCount, type Tensor } from "../src/tensor/tensor.ts";
import { relativeError } from "../src/verify/subject.ts";
import { emulateTensorCores } from "./support/emulate-tensor-cores.ts";
import { required } from "./support/golden.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

if (softwareGpuMissing !== undefined) console.log(`Not tested on a GPU: ${softwareGpuMissing}.`);

/** No size is a multiple of a tile, and heads are no multiple of what two subgroups share. */
const config = {
  vocabSize: 40,
  hiddenSize: 96,
  layers: 1,
  heads: 4,
  intermediateSize: 136,
  maxPositions: 128,
  tokenTypes: 2,
  layerNormEps: 1e-12,
  padTokenId: 0,
};

/** Several sequences in one tile of queries, one in several tiles of keys, and none of all their keys visible. */
const lengths = [5, 1, 40, 70];

const output = "layer.0.output";

/** Weights so large that scores differ by dozens: the maximum in use must follow them. */
function parameters(): Map<string, Tensor<"f32">> {
  const uniform = seededUniform(7);
  return new Map(
    [...expectedParameters(config)].map(([name, shape]) => {
      const spread = /query|key/.test(name) ? 0.7 : 0.25;
      const center = name.endsWith("LayerNorm.weight") ? 1 : 0;
      const data = Float32Array.from({ length: elementCount(shape) }, () => center + spread * (2 * uniform() - 1));
      return [name, { dtype: "f32", shape, data }] as const;
    }),
  );
}

function paddedInputs(): Map<string, Tensor> {
  const [batch, sequence] = [lengths.length, Math.max(...lengths)];
  const integers = (of: (row: number, position: number) => number): Tensor => {
    const at = (index: number): number => of(Math.floor(index / sequence), index % sequence);
    const data = Int32Array.from({ length: batch * sequence }, (_, index) => at(index));
    return { dtype: "i32", shape: [batch, sequence], data };
  };
  return new Map([
    ["input_ids", integers((row, position) => (row * 11 + position * 7) % config.vocabSize)],
    ["token_type_ids", integers((_, position) => (position > 3 ? 1 : 0))],
    ["position_ids", integers((_, position) => position)],
    ["attention_mask", integers((row, position) => (position < (lengths[row] ?? 0) ? 1 : 0))],
  ]);
}

interface Tiles {
  readonly matmul: TensorTile;
  readonly attention: AttentionTile;
}

/** The schedule's kernels as for a GPU with tensor cores, emulated. */
function lower(schedule: Schedule, placement: Placement, { matmul, attention }: Tiles): LoweredKernel[] {
  const plain = lowerToWgsl(schedule, placement, { workgroupMemory: 16_384, workgroupSize: 256 });
  return plain.map((lowered) => {
    const { interior } = lowered;
    const { template, stores } = lowered.kernel;
    const bindings = new KernelBindings(placement);
    if (template.kind === "attention") {
      const source = tensorAttentionKernel({ template, stores }, bindings, attention);
      return { ...lowered, ...source, code: emulateTensorCores(source.code, source.workgroupSize) };
    }
    if (template.kind !== "matmul" || isNarrow(template.matmul)) return lowered;
    const source = tensorMatmulKernel({ template, stores }, interior, bindings, matmul);
    return { ...lowered, ...source, code: emulateTensorCores(source.code, source.workgroupSize) };
  });
}

/** @returns how far the computed tokens are from the truth. */
async function errorAt(level: Level, tiles: Tiles): Promise<number> {
  const program = selectOutputs(bertForQuestionAnswering(config), [output]);
  const packed = required(packSequences(program));
  const schedule = scheduleAt(packed, level);
  const placement = new Placement(schedule, "f16-storage");
  const given = paddedInputs();
  const packing = planPacking(lengths.length, Math.max(...lengths), given.get("attention_mask"));
  const inputs = packInputs(packing, inputsOf(computeOrder(packed)), given);
  const weights = parameters();
  const device = await GpuDevice.open(await loadDawn());
  const kernels = lower(schedule, placement, tiles);
  const lowerings = [{ mostRows: Number.POSITIVE_INFINITY, kernels }] as const;
  const compiled = await GpuProgram.create(device, { schedule, lowerings, placement, isTraced: false }, async (name) =>
    required(weights.get(name)),
  );
  const [found, expected] = await Promise.all([compiled.run(inputs), interpret(packed, weights, inputs)]);
  compiled.dispose();
  device.destroy();
  return relativeError(required(expected.get(output)), required(found.get(output)));
}

const ordinaryRounding = 3e-3;

test.skipIf(softwareGpuMissing !== undefined).each([
  ["O3", { rows: 32, columns: 32, depth: 16, subgroups: [1, 1, 2] }, { queries: 32, keys: 32, sharing: 2 }],
  ["O2", { rows: 64, columns: 32, depth: 16, subgroups: [2, 1, 2] }, { queries: 16, keys: 64, sharing: 4 }],
  ["O3", { rows: 32, columns: 64, depth: 32, subgroups: [2, 2, 1] }, { queries: 32, keys: 32, sharing: 1 }],
] as const)(
  "%s computes what the original computes, in tiles of %o and %o",
  async (level, matmul, attention) => {
    expect(await errorAt(level, { matmul, attention })).toBeLessThan(ordinaryRounding);
  },
  120_000,
);
