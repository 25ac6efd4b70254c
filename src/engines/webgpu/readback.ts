/**
 * What is read out of a run: the outputs, and of a run that is observed the stages that its kernels store on the way. All
 * of it is copied into one buffer, which the host maps.
 *
 * Must stay true: an observed stage is copied right after the kernel that stores it, for the arena gives its place to
 * others once nobody reads it any more; and observing changes neither what is computed nor how it is stored.
 */
import { EngineError } from "../../errors.ts";
import { bindShape, type Binding as ExtentBinding } from "../../program/bind.ts";
import type { Value } from "../../program/program.ts";
import { viewedTensor } from "../../program/views.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { contiguous, toContiguous } from "../reference/strided.ts";
import { applyViews } from "../reference/views.ts";
import type { Arena } from "./arena.ts";
import { byteLength } from "./codegen/storage.ts";
import type { BufferRange } from "./constants.ts";
import { fromGpu } from "./host-tensors.ts";
import type { Placement } from "./placement.ts";

/** What is to be read: a stored tensor, or a view of one. */
export interface ReadStage {
  readonly name: string;
  readonly value: Value;
  /** The kernel after which it is copied; absent: the last of all. */
  readonly kernel?: number;
}

/** A stage with the place of its tensor in the arena, and in the buffer it is read from. */
export interface Reading extends ReadStage {
  readonly range: BufferRange;
  readonly start: number;
  readonly size: number;
}

export function planReadback(
  stages: readonly ReadStage[],
  arena: Arena,
  placement: Placement,
  extents: ExtentBinding,
): Reading[] {
  let start = 0;
  return stages.map((stage) => {
    const tensor = viewedTensor(stage.value);
    const range = arena.stored.get(tensor) ?? arena.inputs.get(tensor);
    if (range === undefined) {
      throw new EngineError({
        found: `the output ${stage.name} depends on no input`,
        expected: "something to compute",
      });
    }
    const bytes = byteLength(bindShape(tensor.shape, extents), placement.typeOf(tensor) ?? "f32");
    const size = Math.max(16, Math.ceil(bytes / 4) * 4);
    const reading = { ...stage, range, start, size };
    start += Math.ceil(size / 16) * 16;
    return reading;
  });
}

/** How large a buffer the readings take. */
export function bytesOf(readings: readonly Reading[]): number {
  return readings.reduce((end, { start, size }) => Math.max(end, start + size), 0);
}

/** Copies what is due after a kernel, or at the end. */
export function copyReadings(
  encoder: GPUCommandEncoder,
  readings: readonly Reading[],
  readback: GPUBuffer,
  due: number | undefined,
): void {
  for (const { kernel, range, start, size } of readings) {
    if (kernel === due) encoder.copyBufferToBuffer(range.buffer, range.offset, readback, start, size);
  }
}

/** A stage of the bytes of its tensor. */
export function decode(value: Value, bytes: ArrayBuffer, placement: Placement, extents: ExtentBinding): Tensor<"f32"> {
  const tensor = viewedTensor(value);
  const shape = bindShape(tensor.shape, extents);
  const data = fromGpu(bytes, shape, placement.typeOf(tensor) ?? "f32");
  if (tensor === value) return { dtype: "f32", shape, data };
  const view = applyViews(value, contiguous(new Float64Array(data), shape), extents);
  return { dtype: "f32", shape: view.shape, data: new Float32Array(toContiguous(view)) };
}
