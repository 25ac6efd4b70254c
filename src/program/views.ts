/**
 * Which values are only other ways to look at a tensor, and which are known before the program runs.
 */
import { computeOrder } from "./order.ts";
import { operandsOf, type Program, type Value } from "./program.ts";

/** The operand that a transpose, reshape or slice looks at: nothing is computed, an index is. */
export function viewedBy({ operation }: Value): Value | undefined {
  const isView = operation.kind === "transpose" || operation.kind === "reshape" || operation.kind === "slice";
  return isView ? operation.operand : undefined;
}

/** The value that is looked at, however indirectly. */
export function viewedTensor(value: Value): Value {
  let tensor = value;
  for (let operand = viewedBy(value); operand !== undefined; operand = viewedBy(operand)) tensor = operand;
  return tensor;
}

/** The values that depend on parameters and constants alone. */
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
