/**
 * Multi-head attention, from query, key and value to the context, with its stages.
 *
 * Must stay true: a masked key never reaches an exponent, and a query whose keys are all masked gives zeros, not NaN.
 */
import { constant, matmul, multiply, reshape, select, subtract, transpose } from "../../program/build.ts";
import { maskedSoftmax } from "../../program/layers.ts";
import type { Extent, Value } from "../../program/program.ts";
import type { LayerInputs, StageRecorder } from "../architecture.ts";

/** [batch, sequence, hidden] → [batch, heads, sequence, head size]. */
export function splitHeads(operand: Value, heads: number): Value {
  const headSize = Number(operand.shape.at(-1)) / heads;
  return transpose(reshape(operand, [...operand.shape.slice(0, 2), heads, headSize]), [0, 2, 1, 3]);
}

/** [batch, heads, sequence, head size] → [batch, sequence, hidden]. */
export function mergeHeads(operand: Value): Value {
  const [batch, heads, sequence, headSize] = operand.shape as [Extent, number, Extent, number];
  return reshape(transpose(operand, [0, 2, 1, 3]), [batch, sequence, heads * headSize]);
}

/** Query · keyᵀ of each head, [batch, heads, queries, keys]. */
export const dotProducts = (query: Value, key: Value): Value => matmul(query, transpose(key, [0, 1, 3, 2]));

/** Query · keyᵀ / √(head size). */
export function scaledDotProducts(query: Value, key: Value): Value {
  return multiply(dotProducts(query, key), constant(1 / Math.sqrt(Number(query.shape.at(-1)))));
}

/** [batch, 1, 1, keys]. */
export function keyMaskOf({ mask }: Pick<LayerInputs, "mask">): Value {
  const [batch, keys] = mask.shape as [Extent, Extent];
  return reshape(mask, [batch, 1, 1, keys]);
}

/** The distance of each query from each key, query − key in tokens: [batch, 1, queries, keys]. */
export function distances({ queryIndices, keyIndices }: LayerInputs): Value {
  const [batch, queries] = queryIndices.shape as [Extent, Extent];
  const keys = keyIndices.shape[1] as Extent;
  return subtract(reshape(queryIndices, [batch, 1, queries, 1]), reshape(keyIndices, [batch, 1, 1, keys]));
}

export interface AttentionParts {
  /** Before the mask: [batch, heads, queries, keys]. */
  readonly scores: Value;
  /** Not split into heads. */
  readonly value: Value;
  readonly heads: number;
  /** Which keys a query may attend to; broadcasts to the scores. */
  readonly mask: Value;
}

/** The context, [batch, queries, hidden]. */
export function attend({ scores, value, heads, mask }: AttentionParts, stage: StageRecorder): Value {
  // The mask is applied in the softmax; zero at masked keys makes the stage well-defined.
  const masked = stage("attention_scores", select(mask, scores, constant(0)));
  const probabilities = stage("attention_probs", maskedSoftmax(masked, mask));
  return stage("context", mergeHeads(matmul(probabilities, splitHeads(value, heads))));
}
