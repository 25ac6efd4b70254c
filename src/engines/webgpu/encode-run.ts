/**
 * Records a run into commands: the program's kernels in order, and the copies of what is read.
 *
 * A run is recorded in portions, each longer than the one before, so that the GPU computes the first kernels while
 * the host records the others. All kernels of a portion are one compute pass, unless each is timed, or copies are due in
 * between.
 */
import { EngineError } from "../../errors.ts";
import type { Binding } from "../../program/bind.ts";
import type { Extent } from "../../program/program.ts";
import type { Workgroups } from "./codegen/kernel-source.ts";
import type { KernelTimer } from "./kernel-timer.ts";
import type { LoweredKernel } from "./lower.ts";
import { copyReadings, type Reading } from "./readback.ts";

export interface Dispatches {
  readonly kernels: readonly LoweredKernel[];
  /** One a kernel, as are the bind groups. */
  readonly pipelines: readonly GPUComputePipeline[];
  readonly bindGroups: readonly GPUBindGroup[];
  /** The GPU's limit, in each direction. */
  readonly mostWorkgroups: number;
}

/** What is read of a run, and where to. */
export interface RunReading {
  readonly timer: KernelTimer | undefined;
  readonly readings: readonly Reading[];
  readonly readback: GPUBuffer;
  /** Where the times of kernels go. */
  readonly timesAt: number;
}

/** Kernels of the first portion. */
const firstPortion = 6;

/**
 * Each portion's commands, to be submitted before the next is asked for; the last is returned.
 * @throws EngineError for a kernel that takes more workgroups than the GPU allows.
 */
export function* encodeRun(
  device: GPUDevice,
  { kernels, pipelines, bindGroups, mostWorkgroups }: Dispatches,
  extents: Binding,
  { timer, readings, readback, timesAt }: RunReading,
): Generator<GPUCommandBuffer, GPUCommandBuffer> {
  const dueAfter = new Set(readings.map(({ kernel }) => kernel));
  let encoder = device.createCommandEncoder({ label: "fusebert" });
  let pass: GPUComputePassEncoder | undefined;
  let portionEnd = timer ? kernels.length : firstPortion;
  for (const [index, kernel] of kernels.entries()) {
    pass ??= encoder.beginComputePass(timer?.passOf(index));
    pass.setPipeline(pipelines[index] as GPUComputePipeline);
    pass.setBindGroup(0, bindGroups[index]);
    pass.dispatchWorkgroups(...workgroupsOf(kernel, extents, mostWorkgroups));
    const [isDue, endsPortion] = [dueAfter.has(index), index + 1 === portionEnd];
    if (timer === undefined && !isDue && !endsPortion) continue;
    pass.end();
    pass = undefined;
    if (isDue) copyReadings(encoder, readings, readback, index);
    if (!endsPortion || index + 1 === kernels.length) continue;
    yield encoder.finish();
    encoder = device.createCommandEncoder({ label: "fusebert" });
    portionEnd = 3 * portionEnd;
  }
  pass?.end();
  copyReadings(encoder, readings, readback, undefined);
  timer?.copyTo(encoder, readback, timesAt);
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
