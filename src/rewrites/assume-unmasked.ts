/**
 * Specialises a program to inputs without padding: every `select` on the attention mask becomes its first branch.
 *
 * For engines that pack sequences or batch only equal lengths. Must not be applied to a program that runs on padded
 * rows: the result would attend to padding. Other uses of the mask than as the condition of a `select` (through
 * reshapes and transposes) are kept.
 */
import type { Program, Value } from "../program/program.ts";
import { rewrite } from "./rewrite.ts";

export function assumeUnmasked(program: Program): Program {
  return rewrite(program, (value) => {
    const { operation, shape } = value;
    if (operation.kind !== "elementwise" || operation.function !== "select") return value;
    const [condition, yes] = operation.operands;
    const sameShape = yes?.shape.join() === shape.join();
    return condition && yes && sameShape && isAttentionMask(condition) ? yes : value;
  });
}

/** Whether a value is the attention mask or a view of it. */
export function isAttentionMask(value: Value): boolean {
  const { operation } = value;
  if (operation.kind === "input") return operation.name === "attention_mask";
  return (operation.kind === "reshape" || operation.kind === "transpose") && isAttentionMask(operation.operand);
}
