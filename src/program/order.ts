/**
 * A program's values in an order in which they can be computed, and what follows from that order: who reads a value, and
 * when it is read for the last time.
 *
 * Must stay true: iterative, never recursive, so that a program's depth is limited by memory and not by the stack.
 */
import { operandsOf, type Program, type Value } from "./program.ts";

/**
 * Every value the outputs need, operands before the operations that read them; the same order at every call.
 * @param known values that need not be computed, nor what only they need.
 */
export function computeOrder(program: Program, known: { has(value: Value): boolean } = new Set()): Value[] {
  const order: Value[] = [];
  const visited = new Set<Value>();
  for (const output of program.outputs.values()) {
    const stack: { value: Value; operands: readonly Value[]; next: number }[] = [];
    const enter = (value: Value): void => {
      if (visited.has(value) || known.has(value)) return;
      visited.add(value);
      stack.push({ value, operands: operandsOf(value.operation), next: 0 });
    };
    enter(output);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const operand = top.operands[top.next++];
      if (operand !== undefined) enter(operand);
      else {
        stack.pop();
        order.push(top.value);
      }
    }
  }
  return order;
}

/** For each value, the values that read it. Outputs with no reader have an empty list. */
export function consumersOf(order: readonly Value[]): Map<Value, Value[]> {
  const consumers = new Map<Value, Value[]>(order.map((value) => [value, []]));
  for (const value of order) {
    for (const operand of new Set(operandsOf(value.operation))) consumers.get(operand)?.push(value);
  }
  return consumers;
}

/** For each position of the order, the values that nobody reads after it and that are no outputs. */
export function lastUses(program: Program, order: readonly Value[]): Value[][] {
  const last = new Map<Value, number>();
  order.forEach((value, position) => {
    last.set(value, position);
    for (const operand of operandsOf(value.operation)) last.set(operand, position);
  });
  for (const output of program.outputs.values()) last.delete(output);
  const released: Value[][] = order.map(() => []);
  for (const [value, position] of last) released[position]?.push(value);
  return released;
}
