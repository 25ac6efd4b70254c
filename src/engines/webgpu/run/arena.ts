/**
 * The memory of a run: one buffer for everything kernels store, planned by live range, and one for its inputs.
 *
 * An arena serves every run with at most its number of tokens. Offsets and sizes in it do not change, so bind groups are
 * created once. The device's queue orders runs, so one arena serves any number of overlapping runs.
 */
import { EngineError } from "../../../errors.ts";
import { formatBytes } from "../../../format/bytes.ts";
import { bindShape, type Binding as ExtentBinding } from "../../../program/bind.ts";
import type { Program, Value } from "../../../program/program.ts";
import { keptValues } from "../../../schedule/schedule.ts";
import type { GpuDevice } from "../device/gpu-device.ts";
import type { LoweredKernel, Lowering } from "../plan/lower.ts";
import type { Placement } from "../plan/placement.ts";
import { planMemory, roundUp } from "../plan/plan-memory.ts";
import { byteLength } from "../wgsl/storage.ts";
import { type BufferRange, type Constants, storageUsage } from "./constants.ts";
import { createRunInputs, type RunInputs } from "./run-inputs.ts";

export interface Arena {
  /** The largest extents it has memory for. */
  readonly extents: ExtentBinding;
  readonly stored: ReadonlyMap<Value, BufferRange>;
  readonly inputs: RunInputs;
  /** One per kernel. */
  readonly bindGroups: readonly GPUBindGroup[];
  readonly buffers: readonly GPUBuffer[];
}

/** The ranges of stored values, and the bytes of the whole arena. */
export interface ArenaPlan {
  readonly places: ReadonlyMap<Value, Pick<BufferRange, "offset" | "size">>;
  readonly bytes: number;
}

/**
 * Plans an arena by live ranges: from a value's first write to its last read, for outputs to the end of the run.
 * @param lowerings of one program; the arena has memory for each of them.
 */
export function planArena(
  program: Program,
  lowerings: readonly [Lowering, ...Lowering[]],
  placement: Placement,
  extents: ExtentBinding,
  alignment: number,
): ArenaPlan {
  const [{ kernels }] = lowerings;
  const maxBytes = maxBytesOf(lowerings, placement, extents);
  const lives = new Map<Value, { bytes: number; first: number; last: number }>();
  kernels.forEach(({ bindings }, index) => {
    for (const binding of bindings) {
      if (binding.kind !== "tensor" || !placement.isStored(binding.value)) continue;
      const { value } = binding;
      const bytes = roundUp(Math.max(16, maxBytes.get(value) ?? 0), 16);
      const life = lives.get(value) ?? { bytes, first: index, last: index };
      lives.set(value, { ...life, last: index });
    }
  });
  for (const value of keptValues(program)) {
    const life = lives.get(value);
    if (life) life.last = kernels.length;
  }
  const { offsets, bytes } = planMemory([...lives.values()], alignment);
  const places = [...lives].map(([value, { bytes: size }], index) => {
    return [value, { offset: offsets[index] as number, size }] as const;
  });
  return { places: new Map(places), bytes };
}

/** The bytes each stored value takes at most: one tensor per partial sum, of the largest run of the lowering. */
function maxBytesOf(
  lowerings: readonly Lowering[],
  placement: Placement,
  extents: ExtentBinding,
): ReadonlyMap<Value, number> {
  const maxBytes = new Map<Value, number>();
  for (const { maxRows, kernels } of lowerings) {
    const largest = new Map([...extents].map(([symbol, extent]) => [symbol, Math.min(extent, maxRows)]));
    for (const binding of kernels.flatMap(({ bindings }) => bindings)) {
      if (binding.kind !== "tensor" || !placement.isStored(binding.value)) continue;
      const { value, partialSums } = binding;
      const shape = bindShape(value.shape, partialSums > 1 ? largest : extents);
      const bytes = partialSums * byteLength(shape, placement.typeOf(value) ?? "f32");
      maxBytes.set(value, Math.max(maxBytes.get(value) ?? 0, bytes));
    }
  }
  return maxBytes;
}

export interface ArenaParts {
  readonly program: Program;
  /** The lowerings of all size classes; their bindings are the same. */
  readonly lowerings: readonly [Lowering, ...Lowering[]];
  /** The first lowering's pipelines. */
  readonly pipelines: readonly GPUComputePipeline[];
  readonly placement: Placement;
  readonly constants: Constants;
  readonly inputs: readonly Value[];
}

export async function createArena(gpu: GpuDevice, parts: ArenaParts, extents: ExtentBinding): Promise<Arena> {
  const { program, lowerings, pipelines, placement, constants } = parts;
  const { limits } = gpu.device;
  const plan = planArena(program, lowerings, placement, extents, limits.minStorageBufferOffsetAlignment);
  for (const { size } of plan.places.values()) checkBinding(size, limits.maxStorageBufferBindingSize);
  const buffers: GPUBuffer[] = [];
  try {
    const buffer = await gpu.createBuffer("the activations", plan.bytes, storageUsage());
    buffers.push(buffer);
    const stored = new Map([...plan.places].map(([value, place]) => [value, { buffer, ...place }]));
    const inputs = await createRunInputs(gpu, parts.inputs, placement, extents);
    buffers.push(inputs.buffer);
    const memory = { stored, inputs, constants };
    const bindGroups = lowerings[0].kernels.map((kernel, index) =>
      createBindGroup(gpu.device, pipelines[index] as GPUComputePipeline, kernel, memory),
    );
    return { extents, stored, inputs, bindGroups, buffers };
  } catch (error) {
    for (const buffer of buffers) gpu.destroyBuffer(buffer);
    throw error;
  }
}

/** The memory that kernels bind. */
export interface BoundMemory extends Pick<Arena, "stored" | "inputs"> {
  readonly constants: Constants;
}

export function createBindGroup(
  device: GPUDevice,
  pipeline: GPUComputePipeline,
  kernel: LoweredKernel,
  { stored, inputs, constants }: BoundMemory,
): GPUBindGroup {
  const ranges = kernel.bindings.map((binding) => {
    if (binding.kind === "vectors") return constants.vectors.get(kernel) as BufferRange;
    if (binding.kind === "grid-barrier") return constants.gridBarriers?.ranges.get(kernel) as BufferRange;
    const { value } = binding;
    return (stored.get(value) ?? inputs.tensors.get(value) ?? constants.tensors.get(value)) as BufferRange;
  });
  const resources: readonly GPUBindingResource[] = [inputs.extents, ...ranges];
  return device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: resources.map((resource, binding) => ({ binding, resource })),
  });
}

function checkBinding(size: number, limit: number): void {
  if (size <= limit) return;
  throw new EngineError({
    found: `a tensor takes ${formatBytes(size)}`,
    expected: `at most ${formatBytes(limit)}, the GPU's limit maxStorageBufferBindingSize`,
    advice: "Use shorter or fewer sequences at a time, a higher --level, or --device cpu.",
  });
}

/** The extents that arenas and pre-recorded runs are made for: tokens rounded up, so that a slightly longer run fits. */
export function roundedExtents(extents: ExtentBinding): ExtentBinding {
  return new Map([...extents].map(([symbol, extent]) => [symbol, symbol === "tokens" ? roundUp(extent, 64) : extent]));
}

/** Whether an arena for the extents `arena` serves `extents`: no more tokens, all else equal. */
export function serves(arena: ExtentBinding, extents: ExtentBinding): boolean {
  return [...extents].every(([symbol, extent]) => {
    const available = arena.get(symbol) ?? 0;
    return symbol === "tokens" ? extent <= available : extent === available;
  });
}

export function sameExtents(one: ExtentBinding, other: ExtentBinding): boolean {
  return one.size === other.size && [...one].every(([symbol, extent]) => extent === other.get(symbol));
}
