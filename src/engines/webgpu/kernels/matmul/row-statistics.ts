/** Row statistics: a kernel's values that belong to a whole row, such as a LayerNorm's mean, computed once per row. */
import { operandsOf, type Value } from "../../../../program/program.ts";

/**
 * @param interior the values that the kernel computes, in order.
 * @param rows the value whose rows are meant: [..., n].
 * @returns values of shape [..., 1] that depend on a reduction and are used for elements of the row.
 */
export function rowStatistics(interior: readonly Value[], rows: Value): Value[] {
  const shape = [...rows.shape.slice(0, -1), 1].join();
  const inside = new Set(interior);
  const reduced = new Set<Value>();
  const used = new Set<Value>();
  const isPerRow = (value: Value): boolean => value.shape.join() === shape && value.shape.at(-1) === 1;
  for (const value of interior) {
    const operands = operandsOf(value.operation).filter((operand) => inside.has(operand));
    if (value.operation.kind === "reduce" || operands.some((operand) => reduced.has(operand))) {
      if (isPerRow(value)) reduced.add(value);
    }
    if (!isPerRow(value)) for (const operand of operands) if (reduced.has(operand)) used.add(operand);
  }
  return interior.filter((value) => used.has(value));
}
