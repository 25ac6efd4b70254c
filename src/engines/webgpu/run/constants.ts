/**
 * Uploads constants to the GPU once: weights, tables, and the vectors of all kernels in one buffer.
 *
 * Weights are read, converted where needed and uploaded one tensor at a time: the host never holds all of them.
 */
import { computeOrder } from "../../../program/order.ts";
import type { Value } from "../../../program/program.ts";
import { toFloat32 } from "../../../tensor/half.ts";
import { elementCount, type FloatDType, type Tensor } from "../../../tensor/tensor.ts";
import type { ReadParameter } from "../../engine.ts";
import { interpret } from "../../reference/interpret.ts";
import type { GpuDevice } from "../device/gpu-device.ts";
import type { LoweredKernel } from "../plan/lower.ts";
import type { Placement } from "../plan/placement.ts";
import { roundUp } from "../plan/plan-memory.ts";
import { byteLength } from "../wgsl/storage.ts";
import { createGridBarriers, type GridBarriers } from "./grid-barrier.ts";
import { bytesOfRow, toGpu } from "./host-tensors.ts";

/** A range of a buffer, as a bind group takes it. */
export type BufferRange = Readonly<Required<GPUBufferBinding>>;

export interface Constants {
  /** Matrices and tables. */
  readonly tensors: ReadonlyMap<Value, BufferRange>;
  readonly vectors: ReadonlyMap<LoweredKernel, BufferRange>;
  readonly gridBarriers: GridBarriers | undefined;
}

/** A storage buffer that can be copied from and to. A function, because Dawn defines the globals when it is loaded. */
export const storageUsage = (): GPUBufferUsageFlags =>
  GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

export async function uploadConstants(
  gpu: GpuDevice,
  kernels: readonly LoweredKernel[],
  placement: Placement,
  readParameter: ReadParameter,
  signal: AbortSignal | undefined,
): Promise<Constants> {
  const tensors = new Map<Value, BufferRange>();
  for (const { bindings } of kernels) {
    for (const binding of bindings) {
      if (binding.kind !== "tensor" || !placement.isConstant(binding.value) || tensors.has(binding.value)) continue;
      signal?.throwIfAborted();
      tensors.set(binding.value, await uploadTensor(gpu, binding.value, placement, readParameter));
    }
  }
  const vectors = await uploadVectors(gpu, kernels, readParameter);
  return { tensors, vectors, gridBarriers: await createGridBarriers(gpu, kernels) };
}

async function uploadTensor(
  gpu: GpuDevice,
  value: Value,
  placement: Placement,
  readParameter: ReadParameter,
): Promise<BufferRange> {
  const shape = value.shape.map(Number);
  const type = placement.typeOf(value) ?? "f32";
  const size = byteLength(shape, type);
  const buffer = await gpu.createBuffer(nameOf(value), size, storageUsage());
  let offset = 0;
  for (const block of rowBlocksOf(value)) {
    const tensor = await evaluate(block, readParameter);
    writePadded(gpu, buffer, offset, toGpu(nameOf(block), tensor, type));
    offset += elementCount(tensor.shape.slice(0, -1)) * bytesOfRow(shape.at(-1) ?? 1, type);
  }
  return { buffer, offset: 0, size: Math.max(16, size) };
}

/** `writeBuffer` takes multiples of four bytes; buffer sizes are such multiples. */
function writePadded(gpu: GpuDevice, buffer: GPUBuffer, offset: number, data: ArrayBufferView<ArrayBuffer>): void {
  if (data.byteLength % 4 === 0) {
    gpu.device.queue.writeBuffer(buffer, offset, data);
    return;
  }
  const padded = new Uint8Array(roundUp(data.byteLength, 4));
  padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  gpu.device.queue.writeBuffer(buffer, offset, padded);
}

/** The tensors that the value concatenates by rows: each is uploaded separately. */
function rowBlocksOf(value: Value): readonly Value[] {
  const { operation } = value;
  return operation.kind === "concatenate" && operation.axis === 0 ? operation.operands.flatMap(rowBlocksOf) : [value];
}

async function evaluate(value: Value, readParameter: ReadParameter): Promise<Tensor> {
  if (value.operation.kind === "parameter") return readParameter(value.operation.name);
  const program = { outputs: new Map([["value", value]]) };
  const parameters = new Map<string, Tensor<FloatDType>>();
  for (const { operation } of computeOrder(program)) {
    if (operation.kind === "parameter") parameters.set(operation.name, await readParameter(operation.name));
  }
  const computed = await interpret(program, parameters, new Map());
  return computed.get("value") as Tensor;
}

function nameOf({ operation }: Value): string {
  if (operation.kind === "parameter") return operation.name;
  if (operation.kind === "concatenate") return operation.operands.map(nameOf).join(" + ");
  return "a constant";
}

/** The vectors of all kernels in one buffer, those of one kernel contiguous and in the order of its binding. */
async function uploadVectors(
  gpu: GpuDevice,
  kernels: readonly LoweredKernel[],
  readParameter: ReadParameter,
): Promise<Map<LoweredKernel, BufferRange>> {
  const alignment = gpu.device.limits.minStorageBufferOffsetAlignment;
  const plans: { kernel: LoweredKernel; values: readonly Value[]; offset: number; size: number }[] = [];
  let bytes = 0;
  for (const kernel of kernels) {
    const values = kernel.bindings.flatMap((binding) => (binding.kind === "vectors" ? binding.values : []));
    if (values.length === 0) continue;
    const size = values.reduce((sum, value) => sum + bytesOfRow(Number(value.shape[0]), "f32"), 0);
    plans.push({ kernel, values, offset: bytes, size });
    bytes = roundUp(bytes + size, alignment);
  }
  if (bytes === 0) return new Map();
  const data = new Float32Array(bytes / 4);
  const known = new Map<Value, Float32Array>();
  for (const { values, offset } of plans) {
    let position = offset / 4;
    for (const value of values) {
      const vector = known.get(value) ?? toFloat32(await evaluate(value, readParameter));
      known.set(value, vector);
      data.set(vector, position);
      position += bytesOfRow(vector.length, "f32") / 4;
    }
  }
  const buffer = await gpu.createBuffer("vectors", bytes, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST);
  gpu.device.queue.writeBuffer(buffer, 0, data);
  return new Map(plans.map(({ kernel, offset, size }) => [kernel, { buffer, offset, size }]));
}
