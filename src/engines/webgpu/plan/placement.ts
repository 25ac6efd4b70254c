/**
 * Which of a program's values are tensors in memory, and in what form.
 *
 * In precisions below float32, operands of matmuls, tables of gathers and what is taken from (DeBERTa's scores with each
 * relative position, many times as large as the queries) are float16. All other stored values are float32:
 * the sum before a LayerNorm, statistics, scores before a softmax, biases, and kept stages.
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
  readonly #f16Values: ReadonlySet<Value>;

  constructor({ program, kernels }: Schedule, precision: GpuPrecision) {
    this.#precision = precision;
    this.#stored = new Set(storedBy(kernels).keys());
    this.#constants = constantValues(program);
    const f16Values = new Set<Value>();
    for (const { operation } of computeOrder(program)) {
      if (operation.kind === "matmul") f16Values.add(viewedTensor(operation.left)).add(viewedTensor(operation.right));
      if (operation.kind === "gather") f16Values.add(viewedTensor(operation.table));
      if (operation.kind === "take") f16Values.add(viewedTensor(operation.operand));
    }
    for (const value of keptValues(program)) f16Values.delete(value);
    this.#f16Values = f16Values;
  }

  typeOf(value: Value): StorageType | undefined {
    const { kind } = value.operation;
    if (kind === "input") return storageTypeOf(value, false, this.#precision);
    if (!this.#stored.has(value) && !this.isConstant(value)) return undefined;
    const isMatrix = !this.isConstant(value) || value.shape.length > 1;
    return storageTypeOf(value, isMatrix && this.#f16Values.has(value), this.#precision);
  }

  isStored(value: Value): boolean {
    return this.#stored.has(value);
  }

  /** Whether it is known before a run, and neither a view nor a scalar constant. */
  isConstant(value: Value): boolean {
    return this.#constants.has(value) && value.operation.kind !== "constant" && viewedTensor(value) === value;
  }

  isVector(value: Value): boolean {
    return this.isConstant(value) && value.shape.length === 1 && value.shape[0] !== 1;
  }
}
