/**
 * Matches multi-head attention without a mask: from queries, keys and values of all heads side by side to the context.
 *
 * Must stay true: a match equals the operator for every input. Whatever else works on the scores (a mask, a bias, a window)
 * and whatever changes queries and keys after they were split into heads (a rotation) is no match.
 */
import { constantOf, elementwiseOperands, matchSoftmax } from "./patterns.ts";
import type { Value } from "./program.ts";

export interface AttentionMatch {
  /** [batch, sequence, hidden], as are `key` and `value`. */
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
  readonly heads: number;
  /** What the dot products are multiplied by. */
  readonly scale: number;
}

/** The operands of softmax(query · keyᵀ · scale) · value of each head, heads merged. */
export function matchAttention(context: Value): AttentionMatch | undefined {
  const sums = reshapedFrom(context);
  const product = sums && transposedBy(sums, [0, 2, 1, 3])?.operation;
  if (product?.kind !== "matmul" || context.shape.length !== 3) return undefined;
  const softmax = matchSoftmax(product.left);
  if (softmax === undefined || softmax.mask !== undefined) return undefined;
  const [dots, scale] = scaled(softmax.scores);
  if (dots.operation.kind !== "matmul") return undefined;
  const keys = transposedBy(dots.operation.right, [0, 1, 3, 2]);
  const query = unsplit(dots.operation.left);
  const key = keys && unsplit(keys);
  const value = unsplit(product.right);
  const heads = product.left.shape[1];
  const areWhole = [query, key, value].every((operand) => operand?.heads === heads);
  if (!query || !key || !value || typeof heads !== "number" || !areWhole) return undefined;
  return { query: query.operand, key: key.operand, value: value.operand, heads, scale };
}

/** The operand and the factor of a product with a constant, else the value and 1. */
function scaled(value: Value): readonly [Value, number] {
  const [left, right] = elementwiseOperands(value, "multiply");
  const factor = constantOf(right);
  return left !== undefined && factor !== undefined ? [left, factor] : [value, 1];
}

/** What was split into heads: [batch, sequence, hidden] → [batch, heads, sequence, head size]. */
function unsplit(split: Value): { readonly operand: Value; readonly heads: number } | undefined {
  const parts = transposedBy(split, [0, 2, 1, 3]);
  const operand = parts && reshapedFrom(parts);
  if (operand?.shape.length !== 3 || parts?.shape.length !== 4) return undefined;
  const keepsRows = operand.shape.slice(0, 2).every((extent, axis) => extent === parts.shape[axis]);
  const heads = parts.shape[2];
  return keepsRows && typeof heads === "number" ? { operand, heads } : undefined;
}

function transposedBy(value: Value, permutation: readonly number[]): Value | undefined {
  const { operation } = value;
  const isIt = operation.kind === "transpose" && operation.permutation.join() === permutation.join();
  return isIt ? operation.operand : undefined;
}

const reshapedFrom = ({ operation }: Value): Value | undefined =>
  operation.kind === "reshape" ? operation.operand : undefined;
