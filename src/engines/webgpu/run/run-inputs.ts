/**
 * A run's inputs on the GPU: its extents and all input tensors in one buffer, written at once, because every write costs a
 * call on the host and a copy on the GPU that delays the kernels.
 *
 * Must stay true: every input's offset satisfies the device's binding alignment.
 */
import { bindShape, type Binding as ExtentBinding } from "../../../program/bind.ts";
import type { SymbolicExtent, Value } from "../../../program/program.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import type { GpuDevice } from "../device/gpu-device.ts";
import type { Placement } from "../plan/placement.ts";
import { roundUp } from "../plan/plan-memory.ts";
import { byteLength } from "../wgsl/storage.ts";
import type { BufferRange } from "./constants.ts";
import { toGpu } from "./host-tensors.ts";

/** The members of the uniform `extents`, in order. */
const symbols: readonly SymbolicExtent[] = ["batch", "sequence", "keys", "tokens"];

export interface RunInputs {
  readonly buffer: GPUBuffer;
  /** What kernels bind as `extents`. */
  readonly extents: BufferRange;
  readonly tensors: ReadonlyMap<Value, BufferRange>;
  /** Host memory in which a run assembles the buffer's content. */
  readonly staged: Uint8Array<ArrayBuffer>;
}

/** @param extents the largest of any run. */
export async function createRunInputs(
  gpu: GpuDevice,
  values: readonly Value[],
  placement: Placement,
  extents: ExtentBinding,
): Promise<RunInputs> {
  const { minStorageBufferOffsetAlignment, minUniformBufferOffsetAlignment } = gpu.device.limits;
  const alignment = Math.max(minStorageBufferOffsetAlignment, minUniformBufferOffsetAlignment);
  const extentBytes = 4 * symbols.length;
  let bytes = extentBytes;
  const places = values.map((value) => {
    const needed = byteLength(bindShape(value.shape, extents), placement.typeOf(value) ?? "f32");
    const offset = roundUp(bytes, alignment);
    const size = roundUp(Math.max(16, needed), 16);
    bytes = offset + size;
    return { value, offset, size };
  });
  const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = await gpu.createBuffer("the inputs", bytes, usage);
  return {
    buffer,
    extents: { buffer, offset: 0, size: extentBytes },
    tensors: new Map(places.map(({ value, offset, size }) => [value, { buffer, offset, size }])),
    staged: new Uint8Array(bytes),
  };
}

/** Enqueues the write of a run's extents and inputs. */
export function writeInputs(
  { queue }: GPUDevice,
  { buffer, tensors, staged }: RunInputs,
  placement: Placement,
  extents: ExtentBinding,
  values: ReadonlyMap<string, Value>,
  inputs: ReadonlyMap<string, Tensor>,
): void {
  new Uint32Array(staged.buffer, 0, symbols.length).set(symbols.map((symbol) => extents.get(symbol) ?? 1));
  for (const [name, value] of values) {
    const { offset } = tensors.get(value) as BufferRange;
    const data = toGpu(name, inputs.get(name) as Tensor, placement.typeOf(value) ?? "f32");
    staged.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
  }
  queue.writeBuffer(buffer, 0, staged);
}
