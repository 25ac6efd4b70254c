/**
 * Where the workgroups of a persistent kernel (`persistent.ts`) meet: counters in the GPU's memory, some for every such kernel
 * of a program, zero when a run begins.
 *
 * Must stay true: nobody waits for ever. Who has waited too long says so, and nobody waits from then on.
 */
import { EngineError } from "../../../errors.ts";
import type { GpuDevice } from "../device/gpu-device.ts";
import type { Binding } from "../wgsl/bindings.ts";

/** Bytes of a kernel's counters: what a binding's place has to be a multiple of on every device. */
const bytesOfKernel = 256;

interface BindingKernel {
  readonly bindings: readonly Binding[];
}

/** The counters of a program's kernels, all in one buffer. */
export interface Meetings {
  readonly buffer: GPUBuffer;
  readonly bytes: number;
  readonly ranges: ReadonlyMap<
    BindingKernel,
    { readonly buffer: GPUBuffer; readonly offset: number; readonly size: number }
  >;
}

/** @returns `undefined` where no kernel is persistent. */
export async function createMeetings(gpu: GpuDevice, kernels: readonly BindingKernel[]): Promise<Meetings | undefined> {
  const meeting = kernels.filter(({ bindings }) => bindings.some(({ kind }) => kind === "meetings"));
  if (meeting.length === 0) return undefined;
  const bytes = meeting.length * bytesOfKernel;
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = await gpu.createBuffer("the meetings", bytes, usage);
  const ranges = meeting.map((kernel, index) => {
    return [kernel, { buffer, offset: index * bytesOfKernel, size: bytesOfKernel }] as const;
  });
  return { buffer, bytes, ranges: new Map(ranges) };
}

/** The workgroups of a persistent kernel did not run at the same time. */
export class NotResidentError extends EngineError {}

/** @throws NotResidentError if somebody waited in vain. @param counters of all kernels, after a run. */
export function checkMeetings(counters: ArrayBuffer): void {
  const words = new Uint32Array(counters);
  for (let index = 0; index < words.length; index += bytesOfKernel / 4) {
    if (words[index] === 0) continue;
    throw new NotResidentError({
      found: "the GPU does not run all workgroups of a persistent kernel at the same time",
      expected: "as in the self-test, where it did",
      advice: "Compute without --persistent.",
    });
  }
}
