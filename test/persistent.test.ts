/**
 * Persistent kernels: they compute what the interpreter computes, and a run whose grid barrier times out fails. The software
 * GPU runs few workgroups concurrently, so tests use one workgroup, or more than it can run.
 */
import { expect, test } from "vitest";
import { bertForQuestionAnswering } from "../src/architectures/bert/program.ts";
import { tensorAttention } from "../src/engines/webgpu/kernels/attention/tensor-attention.ts";
import { tensorAttentionTile } from "../src/engines/webgpu/kernels/attention/tensor-tiles.ts";
import { tensorMatmul } from "../src/engines/webgpu/kernels/matmul/tensor-family.ts";
import { tensorTile } from "../src/engines/webgpu/kernels/matmul/tensor-tiles.ts";
import { emitPersistent } from "../src/engines/webgpu/kernels/persistent/persistent.ts";
import { rowReduction } from "../src/engines/webgpu/kernels/row-reduction/row-reduction.ts";
import type { PersistentLimits, TileSource } from "../src/engines/webgpu/plan/kernel-plan.ts";
import { kindOf, type LoweredKernel, lowerForAllSizes, lowerToWgsl } from "../src/engines/webgpu/plan/lower.ts";
import { Placement } from "../src/engines/webgpu/plan/placement.ts";
import { GridBarrierTimeout } from "../src/engines/webgpu/run/grid-barrier.ts";
import { KernelBindings } from "../src/engines/webgpu/wgsl/bindings.ts";
import type { Declarations } from "../src/engines/webgpu/wgsl/declarations.ts";
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
      expect(kernels.map(kindOf)).toEqual(["row-reduction", "persistent", "persistent"]);
      return kernels.map(poisonMemory);
    },
  });

test.skipIf(softwareGpuMissing !== undefined)(
  "attention and feed-forward as one dispatch each compute what the interpreter computes",
  async () => {
    expect(await layerWith(1)).toBeLessThan(1e-5);
  },
  60_000,
);

test.skipIf(softwareGpuMissing !== undefined)(
  "a grid barrier times out if workgroups do not run concurrently",
  async () => {
    await expect(layerWith(512)).rejects.toThrow(GridBarrierTimeout);
  },
  60_000,
);

test("a subprogram that cannot be persistent in one size class is not in any", () => {
  const program = packSequences(selectOutputs(bertForQuestionAnswering(oddLayer), ["start_logits"]));
  const schedule = scheduleAt(required(program), "O4");
  const placement = new Placement(schedule, "f32");
  const small = smallPersistent(1);
  const limits = { workgroupMemory: 32_768, workgroupSize: 256 };
  const kindsWith = (persistent: PersistentLimits): string[][] =>
    lowerForAllSizes(schedule, placement, { ...limits, persistent }).map(({ kernels }) => kernels.map(kindOf));
  expect(new Set(kindsWith(small).map((kinds) => kinds.join())).size).toBe(1);
  expect(kindsWith(small).flat()).toContain("persistent");
  const ofFewRows: TileSource = {
    tileFor: (family, shape, maxRows) => (maxRows < 1000 ? small.tiles.tileFor(family, shape, maxRows) : undefined),
  };
  expect(kindsWith({ ...small, tiles: ofFewRows }).flat()).not.toContain("persistent");
});

/** A persistent kernel for emulated tensor cores. */
function inTensorCores(kernels: readonly LoweredKernel[], placement: Placement): LoweredKernel {
  const bindings = new KernelBindings(placement);
  const plans = kernels.flatMap((lowered) => lowered.plans) as unknown as LoweredKernel["plans"];
  const stages = plans.map(({ kernel, interior }) => (declarations: Declarations): KernelSource => {
    const request = { kernel, interior, bindings, declarations };
    if (kernel.template.kind === "attention") return tensorAttention.emit(request, tensorAttentionTile(16, 64, 16, 2));
    if (kernel.template.kind !== "matmul") return rowReduction.emit(request, { threads: 64 });
    return tensorMatmul.emit(request, tensorTile(32, 32, 16, 1, 1, 2));
  });
  const merged = emitPersistent(bindings, 1, stages);
  const code = emulateTensorCores(merged.code, merged.workgroupSize);
  const stores = kernels.flatMap((one) => one.stores);
  return { ...merged, code, plans, stores, maxRows: 128, interior: kernels.flatMap(({ interior }) => interior) };
}

test.skipIf(softwareGpuMissing !== undefined)(
  "persistent kernels for tensor cores, whose stages share the memory of fragments",
  async () => {
    const lower = (schedule: Schedule, placement: Placement): LoweredKernel[] => {
      const [embeddings, ...layer] = lowerToWgsl(schedule, placement, { workgroupMemory: 16_384, workgroupSize: 256 });
      const isFeedForward = ({ plans: [{ kernel }] }: LoweredKernel): boolean =>
        kernel.subprogram?.endsWith("feedforward") === true;
      const halves = [layer.filter((kernel) => !isFeedForward(kernel)), layer.filter(isFeedForward)];
      return [embeddings as LoweredKernel, ...halves.map((half) => inTensorCores(half, placement))];
    };
    const error = await layerError({ config: oddLayer, level: "O4", precision: "f16-storage", lower });
    expect(error).toBeLessThan(3e-3);
  },
  60_000,
);
