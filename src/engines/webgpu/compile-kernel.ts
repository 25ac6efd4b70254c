/**
 * From a lowered kernel to a pipeline, and from a run's inputs to the memory that kernels read them from.
 */
import type { Binding as ExtentBinding } from "../../program/bind.ts";
import type { SymbolicExtent, Value } from "../../program/program.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Arena } from "./arena.ts";
import type { BufferRange } from "./constants.ts";
import type { GpuDevice } from "./gpu-device.ts";
import { toGpu } from "./host-tensors.ts";
import type { LoweredKernel } from "./lower.ts";
import type { Placement } from "./placement.ts";

/** The members of the uniform `extents`, in order. */
const symbols: readonly SymbolicExtent[] = ["batch", "sequence", "keys", "tokens"];

/**
 * @param index the kernel's place in its program.
 * @throws KernelError if the driver refuses the source.
 */
export function compileKernel(
  gpu: GpuDevice,
  lowered: LoweredKernel,
  index: number,
  placement: Placement,
): Promise<GPUComputePipeline> {
  const label = `${index} ${lowered.kernel.template.kind}`;
  return gpu.pipeline(label, lowered.code, bufferTypes(lowered, placement));
}

function bufferTypes({ bindings }: LoweredKernel, placement: Placement): GPUBufferBindingType[] {
  const types = bindings.map((binding): GPUBufferBindingType => {
    return binding.kind === "tensor" && placement.isStored(binding.value) ? "storage" : "read-only-storage";
  });
  return ["uniform", ...types];
}

export function createExtentsBuffer(gpu: GpuDevice): Promise<GPUBuffer> {
  return gpu.createBuffer("extents", 4 * symbols.length, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
}

/** The values of a run's inputs and their extents, to the queue. */
export function writeInputs(
  { queue }: GPUDevice,
  { arena, extentsBuffer, placement }: InputMemory,
  extents: ExtentBinding,
  values: ReadonlyMap<string, Value>,
  inputs: ReadonlyMap<string, Tensor>,
): void {
  queue.writeBuffer(
    extentsBuffer,
    0,
    Uint32Array.from(symbols, (symbol) => extents.get(symbol) ?? 1),
  );
  for (const [name, value] of values) {
    const type = placement.typeOf(value) ?? "f32";
    const { buffer } = arena.inputs.get(value) as BufferRange;
    queue.writeBuffer(buffer, 0, toGpu(name, inputs.get(name) as Tensor, type));
  }
}

export interface InputMemory {
  readonly arena: Arena;
  readonly extentsBuffer: GPUBuffer;
  readonly placement: Placement;
}
