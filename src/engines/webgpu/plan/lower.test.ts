/**
 * What kernels take of a device: they say truly how much, and where a device allows little they take less.
 */
import { expect, test } from "vitest";
import { bertForQuestionAnswering } from "../../../architectures/bert/program.ts";
import type { ModelConfig } from "../../../architectures/index.ts";
import { selectOutputs } from "../../../program/program.ts";
import { packSequences } from "../../../rewrites/pack-sequences.ts";
import { type Level, levels, scheduleAt } from "../../../schedule/levels.ts";
import type { KernelLimits } from "../device/kernel-limits.ts";
import { loadFamilies } from "../kernels/families.ts";
import type { Binding } from "../wgsl/bindings.ts";
import { kindOf, type LoweredKernel, lowerForAllSizes, lowerToWgsl } from "./lower.ts";
import { Placement } from "./placement.ts";

await loadFamilies({ tensorCores: true });

/** Heads as wide as in every BERT that matters. */
const config: ModelConfig = {
  vocabSize: 100,
  hiddenSize: 128,
  layers: 1,
  heads: 2,
  intermediateSize: 256,
  maxPositions: 64,
  family: "bert" as const,
  tokenTypes: 2,
  layerNormEps: 1e-12,
  padTokenId: 0,
};

/** A large GPU's, what WebGPU promises, what its compatibility mode promises, and less than anybody has. */
const large: KernelLimits = { workgroupMemory: 49_152, workgroupSize: 1024 };
const promised: KernelLimits = { workgroupMemory: 16_384, workgroupSize: 256 };
const compatible: KernelLimits = { workgroupMemory: 16_384, workgroupSize: 128 };
const small: KernelLimits = { workgroupMemory: 8192, workgroupSize: 64 };

function kernelsAt(level: Level, limits: KernelLimits): LoweredKernel[] {
  const program = selectOutputs(bertForQuestionAnswering(config), ["start_logits", "end_logits"]);
  const schedule = scheduleAt(packSequences(program) ?? program, level);
  return lowerToWgsl(schedule, new Placement(schedule, "f32"), limits);
}

const bytesOf: Readonly<Record<string, number>> = { f32: 4, u32: 4, "vec4<f32>": 16, "vec4<u32>": 16 };

/** Bytes of the arrays in workgroup memory that a source declares. */
function declaredMemory(code: string): number {
  const arrays = [...code.matchAll(/var<workgroup> \w+: array<(.+), (\d+)>;/g)];
  const atomics = [...code.matchAll(/var<workgroup> \w+: atomic<u32>;/g)];
  expect(arrays.length + atomics.length).toBe(code.split("var<workgroup>").length - 1);
  const inArrays = arrays.reduce((sum, [, type = "", count]) => sum + (bytesOf[type] ?? Number.NaN) * Number(count), 0);
  return inArrays + 4 * atomics.length;
}

/** Not the values themselves: a failure would print whole programs. */
const namesOf = (bindings: readonly Binding[]): string[] =>
  bindings.map((binding) => (binding.kind === "tensor" ? `${binding.name} ${binding.value.shape}` : binding.kind));

const declaredInvocations = (code: string): number =>
  (/@workgroup_size\(([\d, ]+)\)/.exec(code)?.[1] ?? "")
    .split(",")
    .reduce((product, extent) => product * Number(extent), 1);

test.each(levels)("%s: every kernel says what it takes, and fits", (level) => {
  for (const limits of [large, promised, compatible, small]) {
    for (const lowered of kernelsAt(level, limits)) {
      const { code, workgroupMemory, workgroupSize } = lowered;
      const what = `${kindOf(lowered)} within ${JSON.stringify(limits)}`;
      expect(declaredInvocations(code), what).toBe(workgroupSize);
      expect(declaredMemory(code), what).toBeLessThanOrEqual(workgroupMemory);
      expect(workgroupMemory, what).toBeLessThanOrEqual(limits.workgroupMemory);
      expect(workgroupSize, what).toBeLessThanOrEqual(limits.workgroupSize);
    }
  }
});

test("O4's kernels equal O2's: what is proven of one is proven of the other", () => {
  const program = selectOutputs(bertForQuestionAnswering(config), ["start_logits", "end_logits"]);
  const codes = (level: Level, limits: KernelLimits): string[] => {
    const schedule = scheduleAt(packSequences(program) ?? program, level);
    const lowerings = lowerForAllSizes(schedule, new Placement(schedule, "f16"), limits);
    return lowerings.flatMap(({ kernels }) => kernels.map(({ code }) => code));
  };
  for (const limits of [large, promised, { ...large, tensorCores: true }]) {
    expect(codes("O4", limits)).toEqual(codes("O2", limits));
    expect(codes("O4", limits)).not.toEqual(codes("O3", limits));
  }
});

test("tensor-core kernels report their workgroup memory, fit at any size, and bind the same tensors", () => {
  for (const heads of [2, 8, 1]) {
    const program = selectOutputs(bertForQuestionAnswering({ ...config, heads }), ["start_logits", "end_logits"]);
    for (const level of levels) {
      const schedule = scheduleAt(packSequences(program) ?? program, level);
      const lowerings = lowerForAllSizes(schedule, new Placement(schedule, "f16"), { ...large, tensorCores: true });
      expect(lowerings.map(({ maxRows }) => maxRows)).toEqual([192, 768, 4096, Number.POSITIVE_INFINITY]);
      for (const { kernels } of lowerings) {
        kernels.forEach(({ code, bindings, workgroupMemory, workgroupSize }, index) => {
          expect(declaredInvocations(code)).toBe(workgroupSize);
          expect(declaredMemory(code)).toBeLessThanOrEqual(workgroupMemory);
          expect(workgroupMemory).toBeLessThanOrEqual(large.workgroupMemory);
          expect(workgroupSize).toBeLessThanOrEqual(large.workgroupSize);
          expect(namesOf(bindings)).toEqual(namesOf(lowerings[0].kernels[index]?.bindings ?? []));
        });
      }
    }
  }
});

test("size classes of larger runs are omitted where the size is known", () => {
  const program = selectOutputs(bertForQuestionAnswering(config), ["start_logits"]);
  const schedule = scheduleAt(packSequences(program) ?? program, "O2");
  const sizes = (maxTokens?: number): number[] =>
    lowerForAllSizes(schedule, new Placement(schedule, "f16"), { ...large, tensorCores: true }, maxTokens).map(
      ({ maxRows }) => maxRows,
    );
  expect(sizes(14)).toEqual([192]);
  expect(sizes(192)).toEqual([192]);
  expect(sizes(193)).toEqual([192, 768]);
  expect(sizes()).toHaveLength(4);
});

test("low limits make the tiles of matmuls and attention smaller, and change nothing else", () => {
  const [usual, low] = [kernelsAt("O3", promised), kernelsAt("O3", small)];
  const isTiled = (kernel: LoweredKernel): boolean => ["attention", "matmul"].includes(kindOf(kernel));
  expect(low).toHaveLength(usual.length);
  low.forEach((kernel, index) => {
    const other = usual[index] as LoweredKernel;
    if (kernel.code === other.code) return;
    expect(isTiled(kernel)).toBe(true);
    expect(kernel.workgroupMemory).toBeLessThan(other.workgroupMemory);
  });
  // The two matmuls with many columns, and the attention; the others have the smallest tile anywhere.
  expect(low.filter((kernel, index) => kernel.code !== usual[index]?.code)).toHaveLength(3);
});

test("a kernel that computes statistics of 32 columns has tiles of a multiple of 32", () => {
  const program = bertForQuestionAnswering({ ...config, hiddenSize: 192, heads: 3, intermediateSize: 384 });
  const tilesOf = (level: Level): { readonly hasStatistics: boolean; readonly columns: number }[] => {
    const schedule = scheduleAt(packSequences(program) ?? program, level);
    const lowered = lowerToWgsl(schedule, new Placement(schedule, "f32"), large, 384);
    return lowered.flatMap(({ plans: [{ kernel }], workgroups }) => {
      const { template } = kernel;
      const columns = template.kind === "matmul" ? Number(template.matmul.shape.at(-1)) : 0;
      if (template.kind !== "matmul" || columns < 192) return [];
      const [across] = workgroups((extent) => (typeof extent === "number" ? extent : 384));
      return [{ hasStatistics: template.statistics !== undefined, columns: columns / across }];
    });
  };
  expect(tilesOf("O4").map(({ columns }) => columns)).toEqual([48, 48, 48, 48]);
  expect(tilesOf("O3").map(({ hasStatistics }) => hasStatistics)).toEqual([false, true, false, true]);
  for (const { hasStatistics, columns } of tilesOf("O3")) if (hasStatistics) expect(columns % 32).toBe(0);
});
