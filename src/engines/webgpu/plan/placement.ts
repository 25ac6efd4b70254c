/**
 * Which of a program's values are tensors in memory, and in what form.
 *
 * In a precision below float32, weights and activations are float16: what a matmul reads, and the tables of gathers.
 * Everything else that is stored stays float32: the sum before a LayerNorm, statistics, scores before a softmax, biases, and
 * every stage that somebody asked to keep.
 */

import { computeOrder } from "../../../program/order.ts";
import type { Value } from "../../../program/program.ts";
import { constantValues, viewedTensor } from "../../../program/views.ts";
import { keptValues, type Schedule, storedBy } from "../../../schedule/schedule.ts";
import type { GpuPrecision } from "../device/precision.ts";
import type { TensorSource } from "../wgsl/bindings.ts";
import { type StorageType, storageTypeOf } from "../wgsl/storage.ts";

export class Placement implements TensorSource {
  readonly #precision: GpuPrecision;
  readonly #stored: ReadonlySet<Value>;
  readonly #constants: ReadonlySet<Value>;
  readonly #halves: ReadonlySet<Value>;

  constructor({ program, kernels }: Schedule, precision: GpuPrecision) {
    this.#precision = precision;
    this.#stored = new Set(storedBy(kernels).keys());
    this.#constants = constantValues(program);
    const halves = new Set<Value>();
    for (const { operation } of computeOrder(program)) {
      if (operation.kind === "matmul") halves.add(viewedTensor(operation.left)).add(viewedTensor(operation.right));
      if (operation.kind === "gather") halves.add(viewedTensor(operation.table));
    }
    for (const value of keptValues(program)) halves.delete(value);
    this.#halves = halves;
  }

  typeOf(value: Value): StorageType | undefined {
    const { kind } = value.operation;
    if (kind === "input") return storageTypeOf(value, false, this.#precision);
    if (!this.#stored.has(value) && !this.isConstant(value)) return undefined;
    const isMatrix = !this.isConstant(value) || value.shape.length > 1;
    return storageTypeOf(value, isMatrix && this.#halves.has(value), this.#precision);
  }

  isStored(value: Value): boolean {
    return this.#stored.has(value);
  }

  /** Known before a run, and no mere view or number. */
  isConstant(value: Value): boolean {
    return this.#constants.has(value) && value.operation.kind !== "constant" && viewedTensor(value) === value;
  }

  isVector(value: Value): boolean {
    return this.isConstant(value) && value.shape.length === 1 && value.shape[0] !== 1;
  }
}
