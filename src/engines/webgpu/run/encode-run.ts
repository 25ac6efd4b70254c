/**
 * Encodes a run into command buffers: the program's kernels in order, and the copies of results.
 *
 * A run is encoded and submitted in two portions, so that the GPU computes the first kernels while the host encodes or
 * submits the others. A portion is one compute pass, unless kernels are timed or results are copied in between.
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
  /** One per kernel, as are the bind groups. */
  readonly pipelines: readonly GPUComputePipeline[];
  readonly bindGroups: readonly GPUBindGroup[];
  /** The GPU's limit per dimension. */
  readonly maxWorkgroups: number;
}

export interface RunToEncode {
  readonly dispatches: Dispatches;
  /** They determine the workgroup counts: the run's own extents, or the largest that a pre-recorded run serves. */
  readonly extents: Binding;
  readonly timer: KernelTimer | undefined;
  /** Cleared at the start of the run. */
  readonly gridBarriers: GridBarriers | undefined;
  readonly plan: ReadbackPlan;
  /** Receives everything the host reads, see `readbackLayout`. */
  readonly readback: GPUBuffer;
}

/** Offsets in the readback buffer: outputs, then kernel times, then the counters of grid barriers. */
export function readbackLayout({ plan, timer, gridBarriers }: Pick<RunToEncode, "plan" | "timer" | "gridBarriers">) {
  const times = plan.bytes;
  const timesEnd = times + (timer?.bytes ?? 0);
  return { times, gridBarriers: timesEnd, end: timesEnd + (gridBarriers?.bytes ?? 0) };
}

/** The kernels of a run from `start` to before `end`. */
export interface Portion {
  readonly start: number;
  readonly end: number;
}

/**
 * Kernels of the first portion: they keep the GPU busy until the second is submitted. Every submission costs a pause: on an
 * NVIDIA H200, BERT-base at 1 × 128 took 0.82 ms with 14 or 24, 0.86 with four portions growing from 6, 0.88 with one.
 */
const firstPortion = 14;

/** The portions of a run, in order; one if kernels are timed. */
export function portionsOf({ dispatches: { kernels }, timer }: RunToEncode): Portion[] {
  const starts = timer || kernels.length <= firstPortion ? [0] : [0, firstPortion];
  return starts.map((start, index) => ({ start, end: starts[index + 1] ?? kernels.length }));
}

/** @throws EngineError for a kernel that needs more workgroups than the GPU allows. */
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
    const { times, gridBarriers: counters } = readbackLayout({ plan, timer, gridBarriers });
    timer?.copyTo(encoder, readback, times);
    if (gridBarriers) encoder.copyBufferToBuffer(gridBarriers.buffer, 0, readback, counters, gridBarriers.bytes);
  }
  return encoder.finish();
}

/** @throws EngineError for a kernel that needs more than `max` workgroups in a dimension. */
export function workgroupsOf(kernel: LoweredKernel, extents: Binding, max: number): Workgroups {
  const extentOf = (extent: Extent): number => (typeof extent === "number" ? extent : (extents.get(extent) ?? 1));
  const workgroups = kernel.workgroups(extentOf);
  if (workgroups.every((count) => count <= max)) return workgroups;
  throw new EngineError({
    found: `a kernel takes ${workgroups.join(" × ")} workgroups`,
    expected: `at most ${max} in each direction, the GPU's limit maxComputeWorkgroupsPerDimension`,
    advice: "Use fewer sequences at a time.",
  });
}
