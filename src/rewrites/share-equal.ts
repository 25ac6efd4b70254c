/**
 * Makes equal computations one value, so that they are stored and computed once: layers of one model look up the same
 * positions, and layers that share weights (ALBERT) put the same ones together.
 *
 * Must stay true: only values with the same operation, settings, operands and shape become one.
 */
import type { Operation, Program, Value } from "../program/program.ts";
import { operandsOf } from "../program/program.ts";
import { rewrite } from "./rewrite.ts";

export function shareEqual(program: Program): Program {
  const known = new Map<string, Value[]>();
  const numbers = new Map<Value, number>();
  return rewrite(program, (value) => {
    const operands = operandsOf(value.operation).map((operand) => numbers.get(operand));
    const key = JSON.stringify([settingsOf(value.operation), operands, value.shape, value.type]);
    const candidates = known.get(key) ?? [];
    const equal = candidates.find((candidate) => hasEqualTable(candidate.operation, value.operation));
    if (equal !== undefined) return equal;
    known.set(key, [...candidates, value]);
    numbers.set(value, numbers.size);
    return value;
  });
}

/** What an operation says besides its operands and the numbers of a table. */
function settingsOf(operation: Operation): readonly unknown[] {
  switch (operation.kind) {
    case "input":
    case "parameter":
    case "table":
      return [operation.kind, operation.name];
    case "constant":
      return [operation.kind, Object.is(operation.value, -0) ? "-0" : String(operation.value)];
    case "elementwise":
    case "reduce":
      return [operation.kind, operation.function];
    case "concatenate":
      return [operation.kind, operation.axis];
    case "transpose":
      return [operation.kind, operation.permutation];
    case "slice":
      return [operation.kind, operation.axis, operation.start, operation.end];
    case "gather":
    case "matmul":
    case "reshape":
    case "take":
      return [operation.kind];
  }
}

function hasEqualTable(a: Operation, b: Operation): boolean {
  if (a.kind !== "table" || b.kind !== "table" || a.values === b.values) return true;
  return a.values.length === b.values.length && a.values.every((value, index) => Object.is(value, b.values[index]));
}
