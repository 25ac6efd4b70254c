/**
 * A schedule: a program cut into kernels, which determine the values that are stored in memory.
 *
 * A kernel is one dispatch. It reads stored tensors (inputs, parameters, other kernels' results) and computes everything
 * between them and the values it stores, without writing intermediates. Fusing is therefore storing less: two kernels become
 * one that stores what the rest of the program still needs.
 *
 * Must stay true: every program output is stored, or a view of a stored value; no value is stored twice; kernels are in
 * topological order; computing a program kernel by kernel gives the program's results.
 */
import { computeOrder } from "../program/order.ts";
import { operandsOf, type Program, type Value } from "../program/program.ts";
import { constantValues, viewedTensor } from "../program/views.ts";
import type { TileStatistics } from "../rewrites/split-statistics.ts";

/**
 * How a kernel is computed.
 * - `elementwise`: every element independently;
 * - `row-reduction`: row by row of the last axis, including operations on the row's reductions;
 * - `matmul`: by tiles, with a prologue on its operand and an epilogue on its result;
 * - `attention`: by tiles of queries, with an online softmax.
 */
export type Template =
  | { readonly kind: "elementwise" }
  | { readonly kind: "row-reduction" }
  | { readonly kind: "matmul"; readonly matmul: Value; readonly statistics?: TileStatistics }
  | { readonly kind: "attention"; readonly attention: Attention };

/** The values that make up one attention, by their roles. */
export interface Attention {
  /** Query × keyᵀ. */
  readonly products: Value;
  /** The softmax's operand, computed elementwise from the products. */
  readonly scores: Value;
  readonly mask: Value | undefined;
  readonly probabilities: Value;
  /** Probabilities × value. */
  readonly context: Value;
}

export interface Kernel {
  readonly template: Template;
  readonly stores: readonly Value[];
  /** Its subprogram (`name-subprograms.ts`), such as `layer.0.fused_attn`. */
  readonly subprogram?: string;
}

export interface Schedule {
  readonly program: Program;
  readonly kernels: readonly Kernel[];
}

/** Level O0: a kernel for every operation that is neither a view nor constant. */
export function scheduleEachOperation(program: Program): Schedule {
  const constants = constantValues(program);
  const kernels = computeOrder(program)
    .filter((value) => viewedTensor(value) === value && value.operation.kind !== "input" && !constants.has(value))
    .map((value): Kernel => ({ template: templateOf(value), stores: [value] }));
  return { program, kernels };
}

function templateOf(value: Value): Template {
  const { kind } = value.operation;
  if (kind === "matmul") return { kind, matmul: value };
  return { kind: kind === "reduce" ? "row-reduction" : "elementwise" };
}

/** The kernel that stores each stored value. */
export function storedBy(kernels: readonly Kernel[]): Map<Value, Kernel> {
  return new Map(kernels.flatMap((kernel) => kernel.stores.map((value) => [value, kernel])));
}

/** The values a kernel computes, in order, given the stored ones. */
export function interiorOf(kernel: Kernel, stored: { has(value: Value): boolean }): Value[] {
  const outputs = new Map(kernel.stores.map((value, index) => [String(index), value]));
  const stores = new Set(kernel.stores);
  return computeOrder({ outputs }, { has: (value) => stored.has(value) && !stores.has(value) });
}

/** The values that a kernel reads and other kernels store. */
export function readsOf(kernel: Kernel, stored: { has(value: Value): boolean }): Set<Value> {
  const operands = interiorOf(kernel, stored).flatMap(({ operation }) => operandsOf(operation));
  return new Set(operands.filter((operand) => stored.has(operand) && !kernel.stores.includes(operand)));
}

/** The stored values of which the program's outputs are views, or which are outputs. */
export function keptValues(program: Program): Set<Value> {
  return new Set([...program.outputs.values()].map(viewedTensor));
}

/** An observed stage that is stored, or a view of a stored value. */
export interface ObservableStage {
  readonly name: string;
  readonly value: Value;
  /** The index of the kernel that stores it. */
  readonly kernel: number;
}

/** The observed stages that a program's kernels store. */
export function observableStages(program: Program, kernels: readonly Pick<Kernel, "stores">[]): ObservableStage[] {
  const storing = new Map(kernels.flatMap(({ stores }, index) => stores.map((value) => [value, index])));
  return [...(program.observed ?? [])].flatMap(([name, value]) => {
    const kernel = storing.get(viewedTensor(value));
    return kernel === undefined ? [] : [{ name, value, kernel }];
  });
}
