/**
 * Records a run into commands: the program's kernels in order, and the copies of what is read.
 *
 * A run is recorded in two portions, so that the GPU computes the first kernels while the host records the others, or
 * hands them over. All kernels of a portion are one compute pass, unless each is timed, or copies are due in between.
 */
import { EngineError } from "../../../errors.ts";
import type { Binding } from "../../../program/bind.ts";
import type { Extent } from "../../../program/program.ts";
import type { LoweredKernel } from "../plan/lower.ts";
import type { Workgroups } from "../wgsl/kernel-source.ts";
import type { GridBarriers } from "./grid-barrier.ts";
import type { KernelTimer } from "./kernel-timer.ts";
import { copyResults, type ReadbackPlan } from "./readback.ts";

export interface Dispatches {
  readonly kernels: readonly LoweredKernel[];
  /** One a kernel, as are the bind groups. */
  readonly pipelines: readonly GPUComputePipeline[];
  readonly bindGroups: readonly GPUBindGroup[];
  /** The GPU's limit, in each direction. */
  readonly maxWorkgroups: number;
}

/** What is recorded. */
export interface RunToEncode {
  readonly dispatches: Dispatches;
  /** What workgroups are counted by: the run's own, or the larger ones of all runs that it is recorded for. */
  readonly extents: Binding;
  readonly timer: KernelTimer | undefined;
  /** Zero when the run begins. */
  readonly gridBarriers: GridBarriers | undefined;
  readonly plan: ReadbackPlan;
  /** What is read is copied into it, see `placesOf`. */
  readonly readback: GPUBuffer;
}

/** Where everything that is read of a run lies: outputs, then the times of kernels, then the counters of grid barriers. */
export function placesOf({ plan, timer, gridBarriers }: Pick<RunToEncode, "plan" | "timer" | "gridBarriers">) {
  const times = plan.bytes;
  const behindTimes = times + (timer?.bytes ?? 0);
  return { times, gridBarriers: behindTimes, end: behindTimes + (gridBarriers?.bytes ?? 0) };
}

/** Kernels of a run from one to before another. */
export interface Portion {
  readonly start: number;
  readonly end: number;
}

/**
 * Kernels of the first of two portions. The GPU is to be busy with it until the second is handed over, and each submission
 * costs it a pause: on an NVIDIA H200, BERT-base at 1 × 128 took 0.82 ms with 14, as with 24, 0.86 with four growing
 * portions from 6 on, and 0.88 in one.
 */
const firstPortion = 14;

/** The portions of a run, in order. Kernels that are timed are recorded in one. */
export function portionsOf({ dispatches: { kernels }, timer }: RunToEncode): Portion[] {
  const all = { start: 0, end: kernels.length };
  if (timer || kernels.length <= firstPortion) return [all];
  return [
    { ...all, end: firstPortion },
    { ...all, start: firstPortion },
  ];
}

/** @throws EngineError for a kernel that takes more workgroups than the GPU allows. */
export function encodePortion(
  device: GPUDevice,
  { dispatches, extents, timer, gridBarriers, plan, readback }: RunToEncode,
  { start, end }: Portion,
): GPUCommandBuffer {
  const { kernels, pipelines, bindGroups, maxWorkgroups } = dispatches;
  const encoder = device.createCommandEncoder({ label: "fusebert" });
  if (start === 0 && gridBarriers) encoder.clearBuffer(gridBarriers.buffer);
  let pass: GPUComputePassEncoder | undefined;
  for (let index = start; index < end; index++) {
    pass ??= encoder.beginComputePass(timer?.passOf(index));
    pass.setPipeline(pipelines[index] as GPUComputePipeline);
    pass.setBindGroup(0, bindGroups[index]);
    pass.dispatchWorkgroups(...workgroupsOf(kernels[index] as LoweredKernel, extents, maxWorkgroups));
    const isDue = plan.copies.some(({ kernel }) => kernel === index);
    if (timer === undefined && !isDue) continue;
    pass.end();
    pass = undefined;
    if (isDue) copyResults(encoder, plan, readback, index);
  }
  pass?.end();
  if (end === kernels.length) {
    copyResults(encoder, plan, readback, undefined);
    const places = placesOf({ plan, timer, gridBarriers });
    timer?.copyTo(encoder, readback, places.times);
    if (gridBarriers)
      encoder.copyBufferToBuffer(gridBarriers.buffer, 0, readback, places.gridBarriers, gridBarriers.bytes);
  }
  return encoder.finish();
}

/**
 * @param most that the GPU allows in each direction.
 * @throws EngineError for a kernel that takes more.
 */
export function workgroupsOf(kernel: LoweredKernel, extents: Binding, most: number): Workgroups {
  const extentOf = (extent: Extent): number => (typeof extent === "number" ? extent : (extents.get(extent) ?? 1));
  const workgroups = kernel.workgroups(extentOf);
  if (workgroups.every((count) => count <= most)) return workgroups;
  throw new EngineError({
    found: `a kernel takes ${workgroups.join(" × ")} workgroups`,
    expected: `at most ${most} in each direction, the GPU's limit maxComputeWorkgroupsPerDimension`,
    advice: "Use fewer sequences at a time.",
  });
}
