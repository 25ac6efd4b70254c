/**
 * Topological order of a program's values, their consumers, and their last uses.
 *
 * Must stay true: iterative, so that a program's depth is limited by memory and not by the stack.
 */
import { operandsOf, type Program, type Value } from "./program.ts";

/**
 * All values that the outputs need, operands first; deterministic.
 * @param known values that are already computed: they and values that only they need are left out.
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

/** For each value, the values that read it; possibly empty for an output. */
export function consumersOf(order: readonly Value[]): Map<Value, Value[]> {
  const consumers = new Map<Value, Value[]>(order.map((value) => [value, []]));
  for (const value of order) {
    for (const operand of new Set(operandsOf(value.operation))) consumers.get(operand)?.push(value);
  }
  return consumers;
}

/** For each position of the order, the values that are not read after it, except outputs. */
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
