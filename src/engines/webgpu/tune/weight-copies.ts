/**
 * Copies of a kernel's weights, bound alternately. In a model every layer reads its weights from memory; a kernel that is
 * dispatched repeatedly would find them in the GPU's cache, and seem faster than it is.
 *
 * Must stay true: the copies take as much memory as the weights of all layers, at most `maxBytes`, which exceeds the caches
 * of today's GPUs.
 */
import type { Value } from "../../../program/program.ts";
import type { GpuDevice } from "../device/gpu-device.ts";
import type { LoweredKernel } from "../plan/lower.ts";
import type { Placement } from "../plan/placement.ts";
import { type BoundMemory, createBindGroup } from "../run/arena.ts";
import type { BufferRange } from "../run/constants.ts";

const maxBytes = 2 ** 29;

/** The constant matrices that a kernel binds; vectors are too small to matter. */
export function weightsOf({ bindings }: LoweredKernel, placement: Placement): Value[] {
  return bindings.flatMap((binding) =>
    binding.kind === "tensor" && placement.isConstant(binding.value) ? [binding.value] : [],
  );
}

export interface WeightedKernel {
  readonly kernel: LoweredKernel;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly weights: readonly Value[];
}

/**
 * The kernel's bind group, and one per copy.
 * @param modelBytes of the weights of all layers.
 * @throws EngineError if there is not enough memory.
 */
export async function bindWeightCopies(
  gpu: GpuDevice,
  { kernel, pipeline, bindGroup, weights }: WeightedKernel,
  memory: BoundMemory,
  modelBytes: number,
): Promise<GPUBindGroup[]> {
  const ranges = weights.map((value) => [value, memory.constants.tensors.get(value) as BufferRange] as const);
  const kernelBytes = ranges.reduce((sum, [, { size }]) => sum + size, 0);
  const count = kernelBytes === 0 ? 1 : Math.max(1, Math.ceil(Math.min(modelBytes, maxBytes) / kernelBytes));
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
