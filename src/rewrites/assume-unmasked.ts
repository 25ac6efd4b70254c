/**
 * Specialises a program to inputs without padding: every `select` on the attention mask becomes its first branch, and
 * every product with the mask the other factor.
 *
 * For engines that pack sequences or batch only equal lengths. Must not be applied to a program that runs on padded
 * rows: the result would attend to padding. Other uses of the mask (through reshapes and transposes) are kept.
 */
import { elementwiseOperands } from "../program/patterns.ts";
import type { Program, Value } from "../program/program.ts";
import { rewrite } from "./rewrite.ts";

export function assumeUnmasked(program: Program): Program {
  return rewrite(program, (value) => {
    const [condition, yes] = elementwiseOperands(value, "select");
    const unmasked = condition && isAttentionMask(condition) ? yes : maskedFactor(value);
    return unmasked?.shape.join() === value.shape.join() ? unmasked : value;
  });
}

/** The other factor of a product with the attention mask. */
export function maskedFactor(value: Value): Value | undefined {
  const factors = elementwiseOperands(value, "multiply");
  const [left, right] = factors;
  if (left && isAttentionMask(left)) return right;
  return right && isAttentionMask(right) ? left : undefined;
}

/** Whether a value is the attention mask or a view of it. */
export function isAttentionMask(value: Value): boolean {
  const { operation } = value;
  if (operation.kind === "input") return operation.name === "attention_mask";
  return (operation.kind === "reshape" || operation.kind === "transpose") && isAttentionMask(operation.operand);
}
