/**
 * The counters of persistent kernels' grid barriers in GPU memory: a range per kernel, cleared at the start of a run. After
 * the run they show whether a barrier timed out.
 */
import { EngineError } from "../../../errors.ts";
import type { GpuDevice } from "../device/gpu-device.ts";
import type { LoweredKernel } from "../plan/lower.ts";

/** Bytes of a kernel's counters: the largest offset alignment a device may require. */
const bytesOfKernel = 256;

type BindingKernel = Pick<LoweredKernel, "bindings">;

/** The counters of a program's kernels, all in one buffer. */
export interface GridBarriers {
  readonly buffer: GPUBuffer;
  readonly bytes: number;
  readonly ranges: ReadonlyMap<BindingKernel, Required<GPUBufferBinding>>;
}

/** @returns `undefined` where no kernel is persistent. */
export async function createGridBarriers(
  gpu: GpuDevice,
  kernels: readonly BindingKernel[],
): Promise<GridBarriers | undefined> {
  const persistent = kernels.filter(({ bindings }) => bindings.some(({ kind }) => kind === "grid-barrier"));
  if (persistent.length === 0) return undefined;
  const bytes = persistent.length * bytesOfKernel;
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = await gpu.createBuffer("the grid barriers", bytes, usage);
  const ranges = persistent.map((kernel, index) => {
    return [kernel, { buffer, offset: index * bytesOfKernel, size: bytesOfKernel }] as const;
  });
  return { buffer, bytes, ranges: new Map(ranges) };
}

/** A barrier timed out: the workgroups of a persistent kernel did not run concurrently. */
export class GridBarrierTimeout extends EngineError {}

/** @param counters of all kernels, after a run. @throws GridBarrierTimeout */
export function checkGridBarriers(counters: ArrayBuffer): void {
  const words = new Uint32Array(counters);
  for (let index = 0; index < words.length; index += bytesOfKernel / 4) {
    if (words[index] === 0) continue;
    throw new GridBarrierTimeout({
      found: "the GPU does not run all workgroups of a persistent kernel at the same time",
      expected: "as in the self-test, where it did",
      advice: "Compute without --persistent.",
    });
  }
}
