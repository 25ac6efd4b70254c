/**
 * The input tensors of a model for a batch of token sequences: ids, token types, positions.
 *
 * Must stay true: every family's inputs are made here, so that answers, evaluation, verification and tuning agree.
 */
import type { Tensor } from "../tensor/tensor.ts";
import type { ModelConfig } from "./architecture.ts";
import { positionIds } from "./positions.ts";

/** A question and a text in the tokenizer's pair template. */
export interface TokenSequence {
  readonly inputIds: Int32Array;
  /** As the template says; a family without token types ignores them. */
  readonly tokenTypeIds: Int32Array;
}

/** What decides a model's inputs. */
export type InputPolicy = Pick<ModelConfig, "positionPadding">;

/** The inputs of a batch, [sequences, tokens], zero-padded to the longest sequence. A program reads those it needs. */
export function batchInputs(batch: readonly TokenSequence[], policy: InputPolicy): Map<string, Tensor> {
  const length = Math.max(...batch.map(({ inputIds }) => inputIds.length));
  const shape = [batch.length, length];
  const stack = (row: (sequence: TokenSequence) => Int32Array): Tensor => {
    const data = new Int32Array(batch.length * length);
    batch.forEach((sequence, index) => {
      data.set(row(sequence), index * length);
    });
    return { dtype: "i32", shape, data };
  };
  const indices = Int32Array.from({ length }, (_, index) => index);
  const tokenIndices = stack(() => indices);
  return new Map([
    ["input_ids", stack(({ inputIds }) => inputIds)],
    ["token_type_ids", stack(({ tokenTypeIds }) => tokenTypeIds)],
    [
      "position_ids",
      policy.positionPadding === undefined ? tokenIndices : stack(({ inputIds }) => positionIds(inputIds, policy)),
    ],
    ["token_indices", tokenIndices],
  ]);
}

/** [sequences, tokens]: 1 for tokens, 0 for padding. */
export function attentionMask(batch: readonly TokenSequence[]): Tensor {
  const length = Math.max(...batch.map(({ inputIds }) => inputIds.length));
  const data = new Int32Array(batch.length * length);
  batch.forEach(({ inputIds }, row) => {
    data.fill(1, row * length, row * length + inputIds.length);
  });
  return { dtype: "i32", shape: [batch.length, length], data };
}
