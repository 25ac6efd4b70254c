/**
 * Rewrites a program bottom-up; the basis of every program-to-program pass.
 *
 * Must stay true: a value that neither the rule nor its operands change stays the same object, so that two readers of
 * one value still share it. Observed stages follow their values.
 */
import { computeOrder } from "../program/order.ts";
import { type Operation, operandsOf, type Program, type Value } from "../program/program.ts";

/**
 * Returns the replacement of a value whose operands are already rewritten, or the value itself.
 * @param original the value in the original program, for its identity.
 */
export type RewriteRule = (value: Value, original: Value) => Value;

export function rewrite(program: Program, rule: RewriteRule): Program {
  const replacements = new Map<Value, Value>();
  for (const value of computeOrder(program)) replacements.set(value, rule(withOperands(value, replacements), value));
  const outputs = new Map<string, Value>();
  for (const [name, value] of program.outputs) outputs.set(name, replacementOf(replacements, value));
  return { outputs, ...carryObserved(program, replacements) };
}

/** The observed stages after a pass: those that the outputs still need. */
export function carryObserved(
  { observed }: Program,
  replacements: ReadonlyMap<Value, Value>,
): Pick<Program, "observed"> {
  if (observed === undefined) return {};
  const carried = [...observed].flatMap(([name, value]) => {
    const replacement = replacements.get(value);
    return replacement === undefined ? [] : [[name, replacement] as const];
  });
  return { observed: new Map(carried) };
}

function replacementOf(replacements: ReadonlyMap<Value, Value>, value: Value): Value {
  return replacements.get(value) ?? value;
}

function withOperands(value: Value, replacements: ReadonlyMap<Value, Value>): Value {
  const { operation } = value;
  if (operandsOf(operation).every((operand) => replacementOf(replacements, operand) === operand)) return value;
  return { ...value, operation: mapOperands(operation, (operand) => replacementOf(replacements, operand)) };
}

function mapOperands(operation: Operation, map: (operand: Value) => Value): Operation {
  switch (operation.kind) {
    case "input":
    case "parameter":
    case "constant":
    case "table":
      return operation;
    case "gather":
      return { ...operation, table: map(operation.table), indices: map(operation.indices) };
    case "take":
      return { ...operation, operand: map(operation.operand), indices: map(operation.indices) };
    case "elementwise":
    case "concatenate":
      return { ...operation, operands: operation.operands.map(map) };
    case "matmul":
      return { ...operation, left: map(operation.left), right: map(operation.right) };
    case "reduce":
    case "transpose":
    case "reshape":
    case "slice":
      return { ...operation, operand: map(operation.operand) };
  }
}
