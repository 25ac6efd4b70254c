/**
 * Copies of the weights that a kernel reads, to be bound in turns. A model of many layers reads other weights in every
 * layer, from memory; a kernel that is dispatched over and over would find its own in the GPU's cache, and seem faster than
 * it is wherever it waits for them.
 *
 * Must stay true: a kernel's copies take as much memory together as the weights of all the model's layers, or `mostBytes`,
 * more than the caches of today's GPUs hold.
 */

import type { Value } from "../../../program/program.ts";
import type { GpuDevice } from "../device/gpu-device.ts";
import type { LoweredKernel } from "../plan/lower.ts";
import type { Placement } from "../plan/placement.ts";
import { type BoundMemory, createBindGroup } from "../run/arena.ts";
import type { BufferRange } from "../run/constants.ts";

const mostBytes = 2 ** 29;

/** The matrices that a kernel binds: not the vectors, which are small. */
export function weightsOf({ bindings }: LoweredKernel, placement: Placement): Value[] {
  return bindings.flatMap((binding) =>
    binding.kind === "tensor" && placement.isConstant(binding.value) ? [binding.value] : [],
  );
}

/** A kernel with its pipeline, its bind group, and the weights that it binds. */
export interface WeightedKernel {
  readonly kernel: LoweredKernel;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly weights: readonly Value[];
}

/**
 * The kernel's own bind group, and one a copy.
 * @param allBytes of the weights of all layers.
 * @throws EngineError if there is no memory for them.
 */
export async function bindWeightCopies(
  gpu: GpuDevice,
  { kernel, pipeline, bindGroup, weights }: WeightedKernel,
  memory: BoundMemory,
  allBytes: number,
): Promise<GPUBindGroup[]> {
  const ranges = weights.map((value) => [value, memory.constants.tensors.get(value) as BufferRange] as const);
  const ownBytes = ranges.reduce((sum, [, { size }]) => sum + size, 0);
  const count = ownBytes === 0 ? 1 : Math.max(1, Math.ceil(Math.min(allBytes, mostBytes) / ownBytes));
  const groups = [bindGroup];
  while (groups.length < count) {
    const copies = new Map(memory.constants.tensors);
    for (const [value, range] of ranges) copies.set(value, await copyOf(gpu, range));
    const constants = { ...memory.constants, tensors: copies };
    groups.push(createBindGroup(gpu.device, pipeline, kernel, { ...memory, constants }));
  }
  return groups;
}

async function copyOf(gpu: GpuDevice, { buffer, offset, size }: BufferRange): Promise<BufferRange> {
  const copy = await gpu.createBuffer("a copy of weights", size, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST);
  const encoder = gpu.device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, offset, copy, 0, size);
  gpu.device.queue.submit([encoder.finish()]);
  return { buffer: copy, offset: 0, size };
}
