/**
 * What a kernel computes, in the words people use: "matmul + bias + GELU" for a dozen textbook operations.
 *
 * LayerNorm, softmax and GELU are named where a kernel computes all of one; a part of one, as at level O0, goes by its
 * textbook name.
 */
import type { Kernel } from "../passes/schedule.ts";
import { computeOrder } from "../program/order.ts";
import { matchGelu, matchSoftmax, operandsOf } from "../program/patterns.ts";
import type { Value } from "../program/program.ts";
import { viewedBy } from "../program/views.ts";

export interface NamedOperation {
  readonly name: string;
  /** The value it results in. */
  readonly value: Value;
}

/**
 * @param interior what the kernel computes, in order.
 * @param constants values known before a run: nothing is computed for them.
 */
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
    for (const value of all) covered.add(value);
    const last = results.at(-1);
    if (last !== undefined) names.set(last, name);
  };
  if (template.kind === "matmul" && template.statistics !== undefined) {
    const { row, means, squares } = template.statistics;
    cover("row statistics", [means, squares], [row]);
  }
  for (const value of interior) {
    const layerNorm = normalisedRow(value, inside, constants);
    if (layerNorm) cover("LayerNorm", [value], [layerNorm]);
    const gelu = matchGelu(value);
    const [half] = operandsOf(value, "multiply") ?? [];
    if (gelu && half && inside.has(half)) cover("GELU", [value], [gelu]);
    const softmax = matchSoftmax(value);
    const [exponentials] = operandsOf(value, "divide") ?? [];
    if (softmax && exponentials && inside.has(exponentials)) {
      cover("softmax", [value], [softmax.scores, ...(softmax.mask ? [softmax.mask] : [])]);
    }
  }
  return interior
    .filter((value) => names.has(value) || !(covered.has(value) || isNothing(value, constants)))
    .map((value) => ({ name: names.get(value) ?? simpleName(value, constants), value }));
}

/** Whether nothing is computed for a value when a kernel runs. */
export function isNothing(value: Value, constants: ReadonlySet<Value>): boolean {
  return constants.has(value) || value.operation.kind === "input" || viewedBy(value) !== undefined;
}

/** The row that a LayerNorm normalises, however its mean and deviation were got, if its steps are inside. */
function normalisedRow(value: Value, inside: ReadonlySet<Value>, constants: ReadonlySet<Value>): Value | undefined {
  const [scaled, bias] = operandsOf(value, "add") ?? [];
  const [normalized, weight] = operandsOf(scaled, "multiply") ?? [];
  const [centred, deviation] = quotient(normalized) ?? [];
  const [row] = operandsOf(centred, "subtract") ?? [];
  if (!bias || !weight || !constants.has(bias) || !constants.has(weight) || !operandsOf(deviation, "sqrt")) return;
  const steps = [scaled, normalized, centred, deviation];
  if (!row || !steps.every((step) => step !== undefined && inside.has(step))) return;
  // Centred on the row's first column before its mean (passes/center-rows.ts): part of the LayerNorm, if it is here.
  const [shifted, first] = inside.has(row) ? (operandsOf(row, "subtract") ?? []) : [];
  return shifted && first?.operation.kind === "slice" && first.operation.operand === shifted ? shifted : row;
}

/** The parts of a quotient, written as one or as a product by the reciprocal (passes/split-statistics.ts). */
function quotient(value: Value | undefined): readonly Value[] | undefined {
  const [dividend, reciprocal] = operandsOf(value, "multiply") ?? [];
  const [one, divisor] = operandsOf(reciprocal, "divide") ?? [];
  const isReciprocal = one?.operation.kind === "constant" && one.operation.value === 1;
  return dividend && divisor && isReciprocal ? [dividend, divisor] : operandsOf(value, "divide");
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
  const operands = operandsOf(value, "add") ?? [];
  return operands.some(({ operation }) => operation.kind === "matmul");
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
