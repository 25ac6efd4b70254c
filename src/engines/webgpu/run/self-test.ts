/**
 * Tests whether a GPU computes correctly: one small BERT layer, compared with the float64 interpreter.
 *
 * Miscompiled kernels and missing memory barriers fail on every run, so one run suffices. It uses the same passes, kernel
 * templates and precision as a model of a real size.
 */
import { expectedParameters, questionAnsweringProgram } from "../../../architectures/index.ts";
import { EngineError } from "../../../errors.ts";
import { selectOutputs } from "../../../program/program.ts";
import { assumeUnmasked } from "../../../rewrites/assume-unmasked.ts";
import { bestLevel } from "../../../schedule/levels.ts";
import { toFloat64 } from "../../../tensor/half.ts";
import { seededNormal } from "../../../tensor/random.ts";
import { elementCount, type Tensor } from "../../../tensor/tensor.ts";
import { interpret } from "../../reference/interpret.ts";
import type { GpuDevice } from "../device/gpu-device.ts";
import type { GpuPrecision } from "../device/precision.ts";
import type { PersistentLimits } from "../plan/kernel-plan.ts";
import { CompiledProgram } from "./compiled-program.ts";

/** Relative to an output's largest magnitude. */
export const tolerances: Readonly<Record<GpuPrecision, number>> = { f32: 1e-4, f16: 2e-2, "f16-storage": 2e-2 };

/** The feed-forward is wide enough for the tiles of models of a real size. */
const config = {
  vocabSize: 16,
  hiddenSize: 32,
  layers: 1,
  heads: 2,
  intermediateSize: 160,
  maxPositions: 8,
  family: "bert" as const,
  tokenTypes: 2,
  layerNormEps: 1e-12,
  padTokenId: 0,
};

const [batch, sequence] = [2, 7];

/** The GPU computed wrong numbers. */
export class WrongNumbersError extends EngineError {}

/**
 * @param persistent compiles subprograms as persistent kernels.
 * @throws WrongNumbersError with the computed and the correct number; GridBarrierTimeout.
 */
export async function selfTest(
  device: GpuDevice,
  precision: GpuPrecision,
  persistent?: PersistentLimits,
): Promise<void> {
  const program = assumeUnmasked(selectOutputs(questionAnsweringProgram(config), ["start_logits", "end_logits"]));
  const parameters = makeParameters();
  const inputs = makeInputs();
  const read = async (name: string): Promise<Tensor<"f32">> => parameters.get(name) as Tensor<"f32">;
  const settings = { level: bestLevel, precision, persistent, maxTokens: batch * sequence };
  const [compiled, expected] = await Promise.all([
    CompiledProgram.create(device, program, settings, read, undefined),
    interpret(program, parameters, inputs),
  ]);
  try {
    const computed = await compiled.run(inputs);
    for (const [name, tensor] of expected) compare(device, name, computed.get(name) as Tensor, tensor, precision);
  } finally {
    compiled.dispose();
  }
}

function makeParameters(): Map<string, Tensor<"f32">> {
  const normal = seededNormal(1);
  return new Map(
    [...expectedParameters(config)].map(([name, shape]) => {
      const center = name.endsWith("LayerNorm.weight") ? 1 : 0;
      const data = Float32Array.from({ length: elementCount(shape) }, () => center + 0.2 * normal());
      return [name, { dtype: "f32", shape, data }];
    }),
  );
}

function makeInputs(): Map<string, Tensor> {
  const integers = (elementAt: (index: number) => number): Tensor => {
    const data = Int32Array.from({ length: batch * sequence }, (_, index) => elementAt(index));
    return { dtype: "i32", shape: [batch, sequence], data };
  };
  return new Map([
    ["input_ids", integers((index) => (index * 5) % config.vocabSize)],
    ["token_type_ids", integers((index) => (index % sequence > 2 ? 1 : 0))],
    ["position_ids", integers((index) => index % sequence)],
  ]);
}

function compare(device: GpuDevice, name: string, found: Tensor, expected: Tensor, precision: GpuPrecision): void {
  const [computed, correct] = [toFloat64(found), toFloat64(expected)];
  const bound = tolerances[precision] * correct.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  correct.forEach((value, index) => {
    const actual = computed[index] ?? Number.NaN;
    // Not `>`, which is false for NaN.
    if (Math.abs(actual - value) <= bound) return;
    throw new WrongNumbersError({
      found: `the GPU computes wrong numbers: ${device.description}, in ${precision}, gives ${actual} for ${name}[${index}] of the self-test`,
      expected: `${value} ± ${bound.toPrecision(2)}`,
      advice: "Use --device cpu, update the GPU's driver, or override with --skip-self-test.",
    });
  });
}
