/**
 * The generated WGSL of each generator, one file a kernel in `__kernels__/`, for a reviewer to see which kernel changes, and
 * how. `npx vitest run src/engines/webgpu/kernels -u` writes them anew. Numbers are tested on a GPU (test/engines.test.ts,
 * test/webgpu-programs.test.ts).
 */
import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { required } from "../../../../test/support/golden.ts";
import { bertForQuestionAnswering } from "../../../architectures/bert/program.ts";
import type { ModelConfig } from "../../../architectures/index.ts";
import { selectOutputs } from "../../../program/program.ts";
import { packSequences } from "../../../rewrites/pack-sequences.ts";
import { type Level, scheduleAt } from "../../../schedule/levels.ts";
import type { KernelLimits } from "../device/kernel-limits.ts";
import type { GpuPrecision } from "../device/precision.ts";
import { lowerToWgsl } from "../plan/lower.ts";
import { Placement } from "../plan/placement.ts";
import { loadFamilies } from "./families.ts";

await loadFamilies({ tensorCores: true });

const config: ModelConfig = {
  vocabSize: 100,
  hiddenSize: 64,
  layers: 2,
  heads: 2,
  intermediateSize: 128,
  maxPositions: 64,
  family: "bert" as const,
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
  model: ModelConfig = config,
) {
  const program = selectOutputs(bertForQuestionAnswering(model), ["start_logits", "end_logits"]);
  const schedule = scheduleAt(packSequences(program) ?? program, level);
  return lowerToWgsl(schedule, new Placement(schedule, precision), limits, maxRows);
}

/** A model, level and limits of which one kernel is written to `__kernels__/NAME.wgsl`. */
type Example = readonly [name: string, code: () => string | undefined];

const plainExamples = (
  [
    ["gather-elementwise", "O0", "f16-storage", 0],
    ["embeddings-layer-norm-row-reduction", "O3", "f32", 0],
    ["query-key-value-matmul", "O3", "f16", 1],
    ["attention", "O3", "f16-storage", 2],
    ["output-residual-statistics-matmul", "O3", "f16", 3],
    ["layer-norm-gelu-matmul", "O3", "f32", 4],
    ["head-gemv", "O3", "f32", 11],
  ] as const
).map(([name, level, precision, index]): Example => [name, () => kernelsAt(level, precision)[index]?.code]);

const tensorCoreExamples = (
  [
    ["tensor-query-key-value-matmul", 1],
    ["tensor-attention", 2],
    ["tensor-output-residual-statistics-matmul", 3],
  ] as const
).map(([name, index]): Example => [name, () => kernelsAt("O3", "f16", tensorCores, 192)[index]?.code]);

/** A workgroup's two halves divide K between them; or all of it computes a tile four times as large. */
const outerProductExamples = (
  [
    ["outer-product-matmul-split", 768],
    ["outer-product-matmul", Number.POSITIVE_INFINITY],
  ] as const
).map(([name, maxRows]): Example => {
  const wide = { ...config, intermediateSize: 1152, layers: 1 };
  const roomy = { workgroupMemory: 32_768, workgroupSize: 256 };
  return [name, () => kernelsAt("O4", "f32", roomy, maxRows, wide).find(({ code }) => code.includes("gelu4"))?.code];
});

const examples = [...plainExamples, ...tensorCoreExamples, ...outerProductExamples];

test.each(examples)("%s.wgsl is what is generated", async (name, code) => {
  await expect(required(code(), name)).toMatchFileSnapshot(`__kernels__/${name}.wgsl`);
});

test("no file is left of a kernel that is not generated any more", async () => {
  const files = await readdir(new URL("__kernels__", import.meta.url));
  expect(files.filter((file) => !examples.some(([name]) => file === `${name}.wgsl`))).toEqual([]);
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
