/**
 * Reads a run's results: the outputs and, if the run is observed, the intermediate stages that its kernels store. All are
 * copied into one buffer, which the host maps.
 *
 * Must stay true: an observed stage is copied right after the kernel that stores it, because the arena reuses its memory
 * after its last read; observing changes neither what is computed nor how it is stored.
 */
import { EngineError } from "../../../errors.ts";
import { bindShape, type Binding as ExtentBinding } from "../../../program/bind.ts";
import type { Value } from "../../../program/program.ts";
import { viewedTensor } from "../../../program/views.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import { toContiguous } from "../../reference/strided.ts";
import { applyViews } from "../../reference/views.ts";
import type { Placement } from "../plan/placement.ts";
import { roundUp } from "../plan/plan-memory.ts";
import { byteLength, type StorageType } from "../wgsl/storage.ts";
import type { Arena } from "./arena.ts";
import type { BufferRange } from "./constants.ts";
import { fromGpu, mappedView } from "./host-tensors.ts";

/** A stage to read: a stored tensor, or a view of one. */
export interface ReadStage {
  readonly name: string;
  readonly value: Value;
  /** The kernel after which it is copied; absent: the last. */
  readonly kernel?: number;
}

export interface ReadbackPlan {
  readonly readings: readonly Reading[];
  readonly copies: readonly ResultCopy[];
  /** Of all copies, a multiple of 16. */
  readonly bytes: number;
}

/** A stage, with the copy of its tensor. Views of one tensor share a copy. */
interface Reading extends ReadStage {
  readonly copy: ResultCopy;
}

/** Copies a tensor from `range` to `start` in the readback buffer. */
interface ResultCopy {
  readonly tensor: Value;
  readonly kernel: number | undefined;
  readonly range: BufferRange;
  readonly start: number;
  readonly size: number;
}

/** @param extents of the run, or the largest that a pre-recorded run serves. */
export function planReadback(
  stages: readonly ReadStage[],
  arena: Arena,
  placement: Placement,
  extents: ExtentBinding,
): ReadbackPlan {
  const copies: ResultCopy[] = [];
  let bytes = 0;
  const readings = stages.map((stage): Reading => {
    const tensor = viewedTensor(stage.value);
    const { kernel } = stage;
    const known = copies.find((copy) => copy.tensor === tensor && copy.kernel === kernel);
    if (known !== undefined) return { ...stage, copy: known };
    const range = arena.stored.get(tensor) ?? arena.inputs.tensors.get(tensor);
    if (range === undefined) {
      throw new EngineError({
        found: `the output ${stage.name} depends on no input`,
        expected: "something to compute",
      });
    }
    const needed = byteLength(bindShape(tensor.shape, extents), typeIn(placement, tensor));
    const copy = { tensor, kernel, range, start: bytes, size: Math.max(16, roundUp(needed, 4)) };
    copies.push(copy);
    bytes += roundUp(copy.size, 16);
    return { ...stage, copy };
  });
  return { readings, copies, bytes };
}

/** Encodes the copies due after a kernel; `undefined`: after the last. */
export function copyResults(
  encoder: GPUCommandEncoder,
  { copies }: ReadbackPlan,
  buffer: GPUBuffer,
  due: number | undefined,
): void {
  for (const { kernel, range, start, size } of copies) {
    if (kernel === due) encoder.copyBufferToBuffer(range.buffer, range.offset, buffer, start, size);
  }
}

/** The stages in the mapped buffer. */
export function readResults(
  { readings, copies }: ReadbackPlan,
  buffer: GPUBuffer,
  placement: Placement,
  extents: ExtentBinding,
): Map<string, Tensor<"f32">> {
  const ranges = new Map(copies.map((copy) => [copy, buffer.getMappedRange(copy.start, copy.size)]));
  return new Map(
    readings.map(({ name, value, copy }) => {
      const bytes = ranges.get(copy) as ArrayBuffer;
      const shape = bindShape(copy.tensor.shape, extents);
      const type = typeIn(placement, copy.tensor);
      if (value === copy.tensor) return [name, { dtype: "f32", shape, data: fromGpu(bytes, shape, type) }];
      const view = applyViews(value, mappedView(bytes, shape, type), extents);
      const data = toContiguous(view);
      // Copied, because the bytes are gone when the buffer is unmapped.
      return [name, { dtype: "f32", shape: view.shape, data: data.buffer === bytes ? data.slice() : data }];
    }),
  );
}

const typeIn = (placement: Placement, tensor: Value): StorageType => placement.typeOf(tensor) ?? "f32";
