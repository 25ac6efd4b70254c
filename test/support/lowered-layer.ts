/** Compares a layer of BERT, run with kernels that a test lowers, with the interpreter. */

import { bertForQuestionAnswering } from "../../src/architectures/bert/program.ts";
import { expectedParameters, type ModelConfig } from "../../src/architectures/index.ts";
import { interpret } from "../../src/engines/reference/interpret.ts";
import { GpuDevice } from "../../src/engines/webgpu/device/gpu-device.ts";
import type { GpuPrecision } from "../../src/engines/webgpu/device/precision.ts";
import type { LoweredKernel } from "../../src/engines/webgpu/plan/lower.ts";
import { Placement } from "../../src/engines/webgpu/plan/placement.ts";
import { GpuProgram } from "../../src/engines/webgpu/run/gpu-program.ts";
import { packInputs, planPacking } from "../../src/engines/webgpu/run/packing.ts";
import { loadDawn } from "../../src/platform/dawn.ts";
import { inputsOf } from "../../src/program/bind.ts";
import { computeOrder } from "../../src/program/order.ts";
import { type Program, selectOutputs } from "../../src/program/program.ts";
import { packSequences } from "../../src/rewrites/pack-sequences.ts";
import { type Level, scheduleAt } from "../../src/schedule/levels.ts";
import type { Schedule } from "../../src/schedule/schedule.ts";
import { seededUniform } from "../../src/tensor/random.ts";
import { elementCount, type Tensor } from "../../src/tensor/tensor.ts";
import { relativeError } from "../../src/verify/layer/layer-under-test.ts";
import { required } from "./golden.ts";
import { paddedInputs } from "./padded-inputs.ts";

/** No size is a multiple of a tile, and no head size of the columns that two subgroups cover. */
export const oddLayer: ModelConfig = {
  vocabSize: 40,
  hiddenSize: 96,
  layers: 1,
  heads: 4,
  intermediateSize: 136,
  maxPositions: 128,
  family: "bert" as const,
  tokenTypes: 2,
  layerNormEps: 1e-12,
  padTokenId: 0,
};

/** The same with a feed-forward network whose second matmul can split K. */
export const divisibleLayer: ModelConfig = { ...oddLayer, intermediateSize: 192 };

/** Several sequences in one tile of queries, one in several tiles of keys, and none of all their keys visible. */
const lengths = [5, 1, 40, 70];

const output = "layer.0.output";

export interface LayerCase {
  readonly config: ModelConfig;
  readonly level: Level;
  readonly precision: GpuPrecision;
  readonly lower: (schedule: Schedule, placement: Placement) => readonly LoweredKernel[];
}

/** @returns how far the computed tokens are from the truth, as a relative L2 error. */
export async function layerError({ config, level, precision, lower }: LayerCase): Promise<number> {
  const packed = required(packSequences(selectOutputs(bertForQuestionAnswering(config), [output])));
  const schedule = scheduleAt(packed, level);
  const placement = new Placement(schedule, precision);
  const inputs = packedInputs(packed, config, lengths);
  const weights = layerParameters(config);
  const device = await GpuDevice.open(await loadDawn());
  const kernels = lower(schedule, placement);
  const lowerings = [{ maxRows: Number.POSITIVE_INFINITY, kernels }] as const;
  const compiled = await GpuProgram.create(
    device,
    { program: schedule.program, lowerings, placement, isTraced: false },
    async (name) => required(weights.get(name)),
  );
  const [found, expected] = await Promise.all([compiled.run(inputs), interpret(packed, weights, inputs)]);
  compiled.dispose();
  device.destroy();
  return relativeError(required(expected.get(output)), required(found.get(output)));
}

/** Sequences of some tokens, without padding. */
export function packedInputs(
  packed: Program,
  { vocabSize }: ModelConfig,
  lengths: readonly number[],
): Map<string, Tensor> {
  const given = paddedInputs(lengths, (row, position) => (row * 11 + position * 7) % vocabSize);
  const packing = planPacking(lengths.length, Math.max(...lengths), given.get("attention_mask"));
  return packInputs(packing, inputsOf(computeOrder(packed)), given);
}

/** Weights so large that scores differ by dozens: the maximum in use must follow them. */
export function layerParameters(config: ModelConfig): Map<string, Tensor<"f32">> {
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
