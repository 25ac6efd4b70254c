/**
 * Subprograms as one kernel each: they compute what the original computes where their workgroups meet, and a run in which
 * they do not says so. The software GPU runs few workgroups at a time, so one stays, or more than it can run.
 */
import { expect, test } from "vitest";
import { bertForQuestionAnswering } from "../src/architectures/bert/program.ts";
import { tensorAttentionKernel } from "../src/engines/webgpu/kernels/attention/tensor-attention.ts";
import { tensorMatmulKernel } from "../src/engines/webgpu/kernels/matmul/tensor-matmul.ts";
import { canMerge, mergeSources } from "../src/engines/webgpu/kernels/persistent/persistent.ts";
import { rowsKernel } from "../src/engines/webgpu/kernels/row-reduction/row-reduction.ts";
import type { TileSource } from "../src/engines/webgpu/plan/choose-tile.ts";
import { type LoweredKernel, lowerForAllSizes, lowerToWgsl } from "../src/engines/webgpu/plan/lower.ts";
import type { PersistentLimits } from "../src/engines/webgpu/plan/persistent-tiles.ts";
import { Placement } from "../src/engines/webgpu/plan/placement.ts";
import { NotResidentError } from "../src/engines/webgpu/run/grid-barrier.ts";
import { KernelBindings } from "../src/engines/webgpu/wgsl/bindings.ts";
import type { KernelSource } from "../src/engines/webgpu/wgsl/kernel-source.ts";
import { selectOutputs } from "../src/program/program.ts";
import { packSequences } from "../src/rewrites/pack-sequences.ts";
import { scheduleAt } from "../src/schedule/levels.ts";
import type { Schedule } from "../src/schedule/schedule.ts";
import { emulateTensorCores } from "./support/emulate-tensor-cores.ts";
import { required } from "./support/golden.ts";
import { layerError, oddLayer } from "./support/lowered-layer.ts";
import { poisonMemory } from "./support/poison-memory.ts";
import { smallPersistent } from "./support/small-persistent.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

if (softwareGpuMissing !== undefined) console.log(`Not tested on a GPU: ${softwareGpuMissing}.`);

const layerWith = (workgroups: number) =>
  layerError({
    config: oddLayer,
    level: "O4",
    precision: "f32",
    lower: (schedule, placement) => {
      const limits = { workgroupMemory: 32_768, workgroupSize: 256, persistent: smallPersistent(workgroups) };
      const kernels = lowerToWgsl(schedule, placement, limits);
      expect(kernels.map(({ kernel }) => kernel.template.kind)).toEqual(["rows", "subprogram", "subprogram"]);
      return kernels.map(poisonMemory);
    },
  });

test.skipIf(softwareGpuMissing !== undefined)(
  "attention and feed-forward in a dispatch each compute what the original computes",
  async () => {
    expect(await layerWith(1)).toBeLessThan(1e-5);
  },
  60_000,
);

test.skipIf(softwareGpuMissing !== undefined)(
  "workgroups that do not meet are told of, and nobody waits for ever",
  async () => {
    await expect(layerWith(512)).rejects.toThrow(NotResidentError);
  },
  60_000,
);

test("a subprogram that is not one kernel at some size is none at any", () => {
  const program = packSequences(selectOutputs(bertForQuestionAnswering(oddLayer), ["start_logits"]));
  const schedule = scheduleAt(required(program), "O4");
  const placement = new Placement(schedule, "f32");
  const small = smallPersistent(1);
  const limits = { workgroupMemory: 32_768, workgroupSize: 256 };
  const kindsWith = (persistent: PersistentLimits): string[][] =>
    lowerForAllSizes(schedule, placement, { ...limits, persistent }).map(({ kernels }) =>
      kernels.map(({ kernel }) => kernel.template.kind),
    );
  expect(new Set(kindsWith(small).map((kinds) => kinds.join())).size).toBe(1);
  expect(kindsWith(small).flat()).toContain("subprogram");
  const ofFewRows: TileSource = {
    tileFor: (kind, shape, mostRows) => (mostRows < 1000 ? small.tiles.tileFor(kind, shape, mostRows) : undefined),
  };
  expect(kindsWith({ ...small, tiles: ofFewRows }).flat()).not.toContain("subprogram");
});

/** A subprogram's kernels in tensor cores, emulated, as one. */
function inTensorCores(kernels: readonly LoweredKernel[], placement: Placement): LoweredKernel {
  const bindings = new KernelBindings(placement);
  const sources = kernels.map(({ kernel: { template, stores }, interior }): KernelSource => {
    bindings.nextKernel();
    if (template.kind === "attention") {
      return tensorAttentionKernel({ template, stores }, bindings, { queries: 16, keys: 64, own: 16, sharing: 2 });
    }
    if (template.kind !== "matmul") return rowsKernel({ template, stores }, interior, bindings, 64);
    const tile = { rows: 32, columns: 32, depth: 16, subgroups: [1, 1, 2], ahead: 1, shares: 1 } as const;
    return tensorMatmulKernel({ template, stores }, interior, bindings, tile);
  });
  if (!canMerge(sources)) throw new Error("they cannot be one");
  const merged = mergeSources(sources, bindings, 1);
  const stores = kernels.flatMap(({ kernel }) => kernel.stores);
  const kernel = { template: { kind: "subprogram", kernels: kernels.map((one) => one.kernel) }, stores } as const;
  const code = emulateTensorCores(merged.code, merged.workgroupSize);
  const tiles = () => kernels.flatMap((one) => one.tiles());
  return { ...merged, code, kernel, tiles, interior: kernels.flatMap(({ interior }) => interior) };
}

test.skipIf(softwareGpuMissing !== undefined)(
  "also in tensor cores, whose kernels share the memory of their fragments",
  async () => {
    const lower = (schedule: Schedule, placement: Placement): LoweredKernel[] => {
      const [embeddings, ...layer] = lowerToWgsl(schedule, placement, { workgroupMemory: 16_384, workgroupSize: 256 });
      const isFeedForward = ({ kernel }: LoweredKernel): boolean => kernel.subprogram?.endsWith("feedforward") === true;
      const halves = [layer.filter((kernel) => !isFeedForward(kernel)), layer.filter(isFeedForward)];
      return [embeddings as LoweredKernel, ...halves.map((half) => inTensorCores(half, placement))];
    };
    const error = await layerError({ config: oddLayer, level: "O4", precision: "f16-storage", lower });
    expect(error).toBeLessThan(3e-3);
  },
  60_000,
);
