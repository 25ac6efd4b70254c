/**
 * Names what a kernel computes: "matmul + bias + GELU" for a dozen textbook operations.
 *
 * LayerNorm, softmax and GELU are named if a kernel computes all of one; a part of one, as at O0, has its textbook name.
 */
import { computeOrder } from "../../../program/order.ts";
import { constantOf, elementwiseOperands, matchGelu, matchGeluTanh, matchSoftmax } from "../../../program/patterns.ts";
import type { Value } from "../../../program/program.ts";
import { viewedBy } from "../../../program/views.ts";
import type { Kernel } from "../../../schedule/schedule.ts";

export interface NamedOperation {
  readonly name: string;
  /** The value it results in. */
  readonly value: Value;
}

/** @param interior the values the kernel computes, in order. @param constants values that no kernel computes. */
export function namedOperations(
  { template }: Kernel,
  interior: readonly Value[],
  constants: ReadonlySet<Value>,
): NamedOperation[] {
  const inside = new Set(interior);
  const names = new Map<Value, string>();
  const covered = new Set<Value>();
  const cover = (name: string, results: readonly Value[], from: readonly Value[]): void => {
    const outputs = new Map(results.map((value, index) => [String(index), value]));
    const known = new Set(from);
    const all = computeOrder({ outputs }, { has: (value) => known.has(value) || !inside.has(value) });
    for (const value of all) {
      covered.add(value);
      // What is part of a larger operation has no name of its own.
      names.delete(value);
    }
    const last = results.at(-1);
    if (last !== undefined) names.set(last, name);
  };
  if (template.kind === "matmul" && template.statistics !== undefined) {
    const { row, means, squares } = template.statistics;
    cover("row statistics", [means, squares], [row]);
  }
  for (const value of interior) {
    if (constants.has(value)) continue;
    const layerNorm = normalisedRow(value, inside, constants);
    if (layerNorm) cover("LayerNorm", [value], [layerNorm]);
    const gelu = matchGelu(value) ?? matchGeluTanh(value);
    const [half] = elementwiseOperands(value, "multiply");
    if (gelu && half && inside.has(half)) cover("GELU", [value], [gelu]);
    const softmax = matchSoftmax(value);
    const [exponentials] = elementwiseOperands(value, "divide");
    if (softmax && exponentials && inside.has(exponentials)) {
      cover("softmax", [value], [softmax.scores, ...(softmax.mask ? [softmax.mask] : [])]);
    }
  }
  return interior
    .filter((value) => names.has(value) || !(covered.has(value) || isFree(value, constants)))
    .map((value) => ({ name: names.get(value) ?? simpleName(value, constants), value }));
}

/** Whether a value takes no arithmetic: constants, inputs and views. */
export function isFree(value: Value, constants: ReadonlySet<Value>): boolean {
  return constants.has(value) || value.operation.kind === "input" || viewedBy(value) !== undefined;
}

/** The row that a LayerNorm normalises, however its mean and deviation are computed, if its steps are inside. */
function normalisedRow(value: Value, inside: ReadonlySet<Value>, constants: ReadonlySet<Value>): Value | undefined {
  const [sum, bias] = elementwiseOperands(value, "add");
  const scaled = bias && constants.has(bias) ? sum : value;
  const [normalized, weight] = elementwiseOperands(scaled, "multiply");
  const [centred, deviation] = quotient(normalized) ?? [];
  const [row] = elementwiseOperands(centred, "subtract");
  const hasWeight = weight && constants.has(weight);
  if (!hasWeight || elementwiseOperands(deviation, "sqrt").length === 0) return;
  const steps = [scaled, normalized, centred, deviation];
  if (!row || !steps.every((step) => step !== undefined && inside.has(step))) return;
  // Subtracting the row's first column before its mean (rewrites/center-rows.ts) is part of the LayerNorm, if inside.
  const [shifted, first] = inside.has(row) ? elementwiseOperands(row, "subtract") : [];
  return shifted && first?.operation.kind === "slice" && first.operation.operand === shifted ? shifted : row;
}

/** Dividend and divisor of a quotient, or of a product with a reciprocal (rewrites/split-statistics.ts). */
function quotient(value: Value | undefined): readonly Value[] | undefined {
  const [dividend, reciprocal] = elementwiseOperands(value, "multiply");
  const [one, divisor] = elementwiseOperands(reciprocal, "divide");
  return dividend && divisor && constantOf(one) === 1 ? [dividend, divisor] : elementwiseOperands(value, "divide");
}

function simpleName({ operation, shape }: Value, constants: ReadonlySet<Value>): string {
  if (operation.kind === "reduce") return operation.function;
  if (operation.kind !== "elementwise") return operation.kind;
  const { function: name, operands } = operation;
  const isScalar = (value: Value): boolean => value.operation.kind === "constant";
  if (name === "add" && operands.some((value) => constants.has(value) && !isScalar(value))) return "bias";
  if (name === "add" && operands.some(isDense) && operands.every((value) => value.shape.join() === shape.join())) {
    return "residual";
  }
  if (name === "multiply" || name === "divide") return operands.some(isScalar) ? "scale" : name;
  return name === "select" || name === "equal" ? "mask" : name;
}

/** The result of a dense layer. */
function isDense(value: Value): boolean {
  return elementwiseOperands(value, "add").some(({ operation }) => operation.kind === "matmul");
}

/** "gather ×2 + add + LayerNorm" */
export function sentenceOf(names: readonly string[]): string {
  const runs: { readonly name: string; count: number }[] = [];
  for (const name of names) {
    const last = runs.at(-1);
    if (last?.name === name) last.count++;
    else runs.push({ name, count: 1 });
  }
  const merged = runs.map(({ name, count }) => (count === 1 || name === "mask" ? name : `${name} ×${count}`));
  return merged.join(" + ");
}
