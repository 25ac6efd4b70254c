/**
 * A program cut into kernels: which values are written to memory, and by whom.
 *
 * A kernel is one dispatch. It reads tensors that are there (inputs, parameters, what other kernels stored) and computes
 * everything between them and what it stores; nothing in between is ever written. Fusing is therefore nothing but storing
 * less: two kernels become one that stores what the rest of the program still needs.
 *
 * Must stay true: every program output is stored (or a view of what is), no value is stored twice, kernels come in an
 * order in which they can run, and computing a program kernel by kernel gives what the program gives.
 */
import { computeOrder } from "../program/order.ts";
import { operandsOf, type Program, type Value } from "../program/program.ts";
import { constantValues, viewedTensor } from "../program/views.ts";
import type { TileStatistics } from "../rewrites/split-statistics.ts";

/**
 * How a kernel goes about its work.
 * - `elementwise`: every element on its own;
 * - `row-reduction`: row by row of the last axis, with what is computed from reductions of the row;
 * - `matmul`: tile by tile of a matmul, with what is computed of its operand before and of its result after;
 * - `attention`: query tile by query tile, a softmax over keys that are never stored.
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
  /** What the softmax is taken of, computed of the products element by element. */
  readonly scores: Value;
  readonly mask: Value | undefined;
  readonly probabilities: Value;
  /** Probabilities × value. */
  readonly context: Value;
}

export interface Kernel {
  readonly template: Template;
  readonly stores: readonly Value[];
  /** The subprogram that it is a part of (`name-subprograms.ts`): `layer.0.fused_attn`. */
  readonly subprogram?: string;
}

export interface Schedule {
  readonly program: Program;
  readonly kernels: readonly Kernel[];
}

/** Level O0: a kernel for every operation that computes something, as written. */
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

/** What a kernel computes, in order, given what is stored. */
export function interiorOf(kernel: Kernel, stored: { has(value: Value): boolean }): Value[] {
  const outputs = new Map(kernel.stores.map((value, index) => [String(index), value]));
  const own = new Set(kernel.stores);
  return computeOrder({ outputs }, { has: (value) => stored.has(value) && !own.has(value) });
}

/** The stored values that a kernel reads, without its own. */
export function readsOf(kernel: Kernel, stored: { has(value: Value): boolean }): Set<Value> {
  const own = new Set(kernel.stores);
  const reads = new Set<Value>();
  for (const value of interiorOf(kernel, stored)) {
    for (const operand of operandsOf(value.operation)) if (stored.has(operand) && !own.has(operand)) reads.add(operand);
  }
  return reads;
}

/** The stored values that the program's outputs are, or are views of. */
export function keptValues(program: Program): Set<Value> {
  return new Set([...program.outputs.values()].map(viewedTensor));
}

/** An observed stage that is stored, or is a view of what is. */
export interface ObservableStage {
  readonly name: string;
  readonly value: Value;
  /** Which kernel stores it. */
  readonly kernel: number;
}

/** What can be seen of a program's observed stages while its kernels run. */
export function observableStages(program: Program, kernels: readonly Pick<Kernel, "stores">[]): ObservableStage[] {
  const storing = new Map(kernels.flatMap(({ stores }, index) => stores.map((value) => [value, index])));
  return [...(program.observed ?? [])].flatMap(([name, value]) => {
    const kernel = storing.get(viewedTensor(value));
    return kernel === undefined ? [] : [{ name, value, kernel }];
  });
}
