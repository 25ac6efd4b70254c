/**
 * The generated WGSL of each generator, for a reviewer to see a kernel change. Numbers are tested on a GPU
 * (test/engines.test.ts, test/webgpu-programs.test.ts).
 */
import { expect, test } from "vitest";
import type { BertConfig } from "../../../architectures/bert/config.ts";
import { bertForQuestionAnswering } from "../../../architectures/bert/program.ts";
import { selectOutputs } from "../../../program/program.ts";
import { packSequences } from "../../../rewrites/pack-sequences.ts";
import { type Level, scheduleAt } from "../../../schedule/levels.ts";
import type { KernelLimits } from "../device/kernel-limits.ts";
import type { GpuPrecision } from "../device/precision.ts";
import { lowerToWgsl } from "../plan/lower.ts";
import { Placement } from "../plan/placement.ts";

const config: BertConfig = {
  vocabSize: 100,
  hiddenSize: 64,
  layers: 2,
  heads: 2,
  intermediateSize: 128,
  maxPositions: 64,
  tokenTypes: 2,
  layerNormEps: 1e-12,
  padTokenId: 0,
};

/** What the tests' kernels are lowered for: what every WebGPU device has, or a GPU with tensor cores. */
const plain = { workgroupMemory: 16_384, workgroupSize: 256 };
const tensorCores = { workgroupMemory: 49_152, workgroupSize: 1024, tensorCores: true };

function kernelsAt(
  level: Level,
  precision: GpuPrecision,
  limits: KernelLimits = plain,
  maxRows?: number,
  model: BertConfig = config,
) {
  const program = selectOutputs(bertForQuestionAnswering(model), ["start_logits", "end_logits"]);
  const schedule = scheduleAt(packSequences(program) ?? program, level);
  return lowerToWgsl(schedule, new Placement(schedule, precision), limits, maxRows);
}

test.each([
  ["a gather, elementwise", "O0", "f16-storage", 0],
  ["the embeddings and their LayerNorm, rows", "O3", "f32", 0],
  ["query, key and value, a matmul", "O3", "f16", 1],
  ["attention", "O3", "f16-storage", 2],
  ["an output with residual and statistics, a matmul", "O3", "f16", 3],
  ["a LayerNorm before and a GELU after, a matmul", "O3", "f32", 4],
  ["the head, a narrow matmul", "O3", "f32", 11],
] as const)("%s", (_, level, precision, index) => {
  expect(kernelsAt(level, precision)[index]?.code).toMatchSnapshot();
});

test.each([
  ["query, key and value, a matmul", 1],
  ["attention", 2],
  ["an output with residual and statistics, a matmul", 3],
] as const)("in tensor cores: %s", (_, index) => {
  expect(kernelsAt("O3", "f16", tensorCores, 192)[index]?.code).toMatchSnapshot();
});

test.each([
  ["blocks of both sides for every invocation, in two parts", 768],
  ["half of the invocations bring one side's, in one part", 3072],
])("in turned strips: %s", (_, maxRows) => {
  const wide = { ...config, intermediateSize: 1152, layers: 1 };
  const roomy = { workgroupMemory: 32_768, workgroupSize: 256 };
  const feedForward = kernelsAt("O4", "f32", roomy, maxRows, wide).find(({ code }) => code.includes("gelu4"));
  expect(feedForward?.code).toMatchSnapshot();
});

test("tensor cores are used in float16 alone, and for everything there that multiplies matrices but the head", () => {
  const tensor = (...kernels: Parameters<typeof kernelsAt>): boolean[] =>
    kernelsAt(...kernels).map(({ code }) => code.includes("subgroupMatrixMultiplyAccumulate"));
  expect(tensor("O3", "f32", tensorCores)).not.toContain(true);
  expect(tensor("O3", "f16-storage", tensorCores)).not.toContain(true);
  expect(tensor("O3", "f16", plain)).not.toContain(true);
  // The embeddings, five kernels for each of two layers, the head.
  expect(tensor("O3", "f16", tensorCores)).toEqual([false, ...Array<boolean>(10).fill(true), false]);
});

test("layers that do the same have the same source, and so one pipeline", () => {
  const [first, second] = [kernelsAt("O3", "f32").slice(2, 6), kernelsAt("O3", "f32").slice(7, 11)];
  // Between them only the first layer's own kernels differ: what it reads is normalised already.
  expect(second[0]?.code).toBe(first[0]?.code);
  expect(second[2]?.code).toBe(first[2]?.code);
});
