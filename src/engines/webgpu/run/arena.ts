/**
 * The memory of a run: one buffer for everything kernels store, planned by live range, and one for its inputs.
 *
 * An arena is made for extents and serves every run that has these or fewer tokens; the places and sizes in it do not
 * change, so its bind groups are made once. Runs follow each other in the device's queue, so one arena serves any number
 * of runs under way.
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
import type { BufferRange, Constants } from "./constants.ts";
import { createRunInputs, type RunInputs } from "./run-inputs.ts";

export interface Arena {
  /** What it was made for. */
  readonly extents: ExtentBinding;
  readonly stored: ReadonlyMap<Value, BufferRange>;
  readonly inputs: RunInputs;
  /** One a kernel. */
  readonly bindGroups: readonly GPUBindGroup[];
  readonly buffers: readonly GPUBuffer[];
}

/** Where stored values lie, and how much room they take together. */
export interface ArenaPlan {
  readonly places: ReadonlyMap<Value, { readonly offset: number; readonly size: number }>;
  readonly bytes: number;
}

/**
 * Plans an arena by when each value is written and last read. What is kept stays to the end.
 * @param lowerings of one program, all of which are to find room.
 */
export function planArena(
  program: Program,
  lowerings: readonly [Lowering, ...Lowering[]],
  placement: Placement,
  extents: ExtentBinding,
  alignment: number,
): ArenaPlan {
  const [{ kernels }] = lowerings;
  const room = roomIn(lowerings, placement, extents);
  const lives = new Map<Value, { bytes: number; first: number; last: number }>();
  kernels.forEach(({ bindings }, index) => {
    for (const binding of bindings) {
      if (binding.kind !== "tensor" || !placement.isStored(binding.value)) continue;
      const { value } = binding;
      const bytes = roundUp(Math.max(16, room.get(value) ?? 0), 16);
      const life = lives.get(value) ?? { bytes, first: index, last: index };
      lives.set(value, { ...life, last: index });
    }
  });
  for (const value of keptValues(program)) {
    const life = lives.get(value);
    if (life) life.last = kernels.length;
  }
  const values = [...lives.keys()];
  const plan = planMemory([...lives.values()], alignment);
  const places = values.map((value, index) => {
    return [
      value,
      { offset: plan.offsets[index] as number, size: (lives.get(value) as { bytes: number }).bytes },
    ] as const;
  });
  return { places: new Map(places), bytes: plan.bytes };
}

/**
 * Bytes that each stored value takes at most: as many tensors as it has partial sums, of as many tokens as runs of that
 * lowering have.
 */
function roomIn(
  lowerings: readonly Lowering[],
  placement: Placement,
  extents: ExtentBinding,
): ReadonlyMap<Value, number> {
  const room = new Map<Value, number>();
  for (const { maxRows, kernels } of lowerings) {
    const own = new Map([...extents].map(([symbol, extent]) => [symbol, Math.min(extent, maxRows)]));
    for (const binding of kernels.flatMap(({ bindings }) => bindings)) {
      if (binding.kind !== "tensor" || !placement.isStored(binding.value)) continue;
      const { value, partialSums } = binding;
      const shape = bindShape(value.shape, partialSums > 1 ? own : extents);
      const bytes = partialSums * byteLength(shape, placement.typeOf(value) ?? "f32");
      room.set(value, Math.max(room.get(value) ?? 0, bytes));
    }
  }
  return room;
}

export interface ArenaParts {
  readonly program: Program;
  /** All that runs in this arena may take. What they bind is the same. */
  readonly lowerings: readonly [Lowering, ...Lowering[]];
  /** Of the first lowering. */
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
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = await gpu.createBuffer("the activations", plan.bytes, usage);
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

/** Where what kernels bind lies. */
export interface BoundMemory {
  readonly stored: ReadonlyMap<Value, BufferRange>;
  readonly inputs: RunInputs;
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

/**
 * The extents to make an arena for, and to record a run for: a few more tokens than asked for, so that the next run, a
 * little longer, fits.
 */
export function roomyExtents(extents: ExtentBinding): ExtentBinding {
  return new Map([...extents].map(([symbol, extent]) => [symbol, symbol === "tokens" ? roundUp(extent, 64) : extent]));
}

/** Whether an arena made for some extents serves others: as many tokens or fewer, all else equal. */
export function serves(arena: ExtentBinding, extents: ExtentBinding): boolean {
  return [...extents].every(([symbol, extent]) => {
    const room = arena.get(symbol) ?? 0;
    return symbol === "tokens" ? extent <= room : extent === room;
  });
}

export function sameExtents(one: ExtentBinding, other: ExtentBinding): boolean {
  return one.size === other.size && [...one].every(([symbol, extent]) => extent === other.get(symbol));
}
