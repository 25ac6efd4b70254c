/**
 * Split-K: several workgroups each accumulate a slice of K for a tile of a matmul's result. The slices are stored as
 * consecutive tensors of partial sums, and the row reduction that reads the result adds them. Tiles choose the number.
 *
 * It applies to results that are a product plus summands (a bias, a residual), which only the first slice adds, and that
 * only row reductions read: LayerNorms, which read a row of BERT's width once.
 *
 * Must stay true: no other kernel and not the host reads such a result; and only runs of bounded size have it, so that the
 * further tensors are small.
 */
import { computeOrder } from "../../../program/order.ts";
import type { Value } from "../../../program/program.ts";
import { viewedTensor } from "../../../program/views.ts";
import { interiorOf, type Kernel, keptValues, readsOf, type Schedule, storedBy } from "../../../schedule/schedule.ts";
import type { TensorSource } from "../wgsl/bindings.ts";

/** The results of matmuls that may be stored as partial sums. */
export function splitKResults({ program, kernels }: Schedule, placement: TensorSource): ReadonlySet<Value> {
  const stored = storedBy(kernels);
  const seen = new Set([...keptValues(program), ...[...(program.observed?.values() ?? [])].map(viewedTensor)]);
  const unsuited = new Set(
    kernels
      .filter(({ template }) => template.kind !== "row-reduction")
      .flatMap((kernel) => [...readsOf(kernel, stored)]),
  );
  const results = kernels.flatMap((kernel) => resultOf(kernel, stored, placement) ?? []);
  return new Set(results.filter((value) => !seen.has(value) && !unsuited.has(value)));
}

/** A matmul kernel's result, if it is [tokens, n] in float32, a sum, and its left operand is in memory. */
function resultOf(kernel: Kernel, stored: ReadonlyMap<Value, Kernel>, placement: TensorSource): Value | undefined {
  const { template, stores } = kernel;
  const [value, ...others] = stores;
  if (template.kind !== "matmul" || template.statistics !== undefined || value === undefined || others.length > 0) {
    return undefined;
  }
  const { operation } = template.matmul;
  const columns = value.shape.at(-1);
  const isOfTokens = value.shape.length === 2 && value.shape[0] === "tokens";
  const isOfVectors = typeof columns === "number" && columns % 4 === 0 && placement.typeOf(value) === "f32";
  const isPlain = operation.kind === "matmul" && placement.isStored(viewedTensor(operation.left));
  const interior = new Set(interiorOf(kernel, stored));
  return isOfTokens && isOfVectors && isPlain && isSumWith(value, template.matmul, interior) ? value : undefined;
}

/** Whether a value is a product plus summands. @param interior the values that the kernel computes. */
function isSumWith(value: Value, product: Value, interior: ReadonlySet<Value>): boolean {
  if (value === product) return true;
  const { operation } = value;
  if (operation.kind !== "elementwise" || operation.function !== "add") return false;
  const dependsOn = (operand: Value): boolean =>
    computeOrder({ outputs: new Map([["", operand]]) }, { has: (other) => !interior.has(other) }).includes(product);
  const [summand, ...others] = operation.operands.filter(dependsOn);
  return summand !== undefined && others.length === 0 && isSumWith(summand, product, interior);
}
