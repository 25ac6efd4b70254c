/** Views of tensors, and values known before the program runs. */
import { transpose } from "./build.ts";
import { computeOrder } from "./order.ts";
import { operandsOf, type Program, type Value } from "./program.ts";

/** The operand of a transpose, reshape or slice, which only maps indices. */
export function viewedBy({ operation }: Value): Value | undefined {
  const isView = operation.kind === "transpose" || operation.kind === "reshape" || operation.kind === "slice";
  return isView ? operation.operand : undefined;
}

/** The value under any number of nested views. */
export function viewedTensor(value: Value): Value {
  let tensor = value;
  for (let operand = viewedBy(value); operand !== undefined; operand = viewedBy(operand)) tensor = operand;
  return tensor;
}

/** The value with its last two axes exchanged, as one transpose of what an existing transpose permutes. */
export function transposed(value: Value): Value {
  const axes = value.shape.map((_, axis) => axis);
  const exchanged = [...axes.slice(0, -2), axes.length - 1, axes.length - 2];
  const { operation } = value;
  if (operation.kind !== "transpose") return transpose(value, exchanged);
  const permutation = exchanged.map((axis) => operation.permutation[axis] as number);
  return permutation.join() === axes.join() ? operation.operand : transpose(operation.operand, permutation);
}

/** Values that depend only on parameters and constants. */
export function constantValues(program: Program): Set<Value> {
  const constants = new Set<Value>();
  for (const value of computeOrder(program)) {
    const { operation } = value;
    if (operation.kind !== "input" && operandsOf(operation).every((operand) => constants.has(operand))) {
      constants.add(value);
    }
  }
  return constants;
}
