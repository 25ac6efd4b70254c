/**
 * Specialises a program to inputs without padding: every `select` on the attention mask becomes its first branch.
 *
 * An engine that packs sequences, or batches only those of one length, never sees a masked key; the mask then costs
 * nothing because it is not there. Does not apply to a program that will be run on padded rows: the result would attend
 * to padding. A mask that reaches anything but the condition of a `select` (through reshapes and transposes) is left alone.
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

/** The attention mask, as it is or reshaped. */
export function isAttentionMask(value: Value): boolean {
  const { operation } = value;
  if (operation.kind === "input") return operation.name === "attention_mask";
  return (operation.kind === "reshape" || operation.kind === "transpose") && isAttentionMask(operation.operand);
}
