/** BERT's input tensors for a batch of token sequences. */
import type { Tensor } from "../../tensor/tensor.ts";

/** `[CLS] question [SEP] context [SEP]`. */
export interface TokenSequence {
  readonly inputIds: Int32Array;
  /** 0 for the question, 1 for the context. */
  readonly tokenTypeIds: Int32Array;
}

/** The inputs of a batch, [sequences, tokens], zero-padded to the longest sequence. */
export function batchInputs(batch: readonly TokenSequence[]): Map<string, Tensor> {
  const length = Math.max(...batch.map(({ inputIds }) => inputIds.length));
  const shape = [batch.length, length];
  const stack = (row: (sequence: TokenSequence) => Int32Array): Tensor => {
    const data = new Int32Array(batch.length * length);
    batch.forEach((sequence, index) => {
      data.set(row(sequence), index * length);
    });
    return { dtype: "i32", shape, data };
  };
  const positions = Int32Array.from({ length }, (_, position) => position);
  return new Map([
    ["input_ids", stack((sequence) => sequence.inputIds)],
    ["token_type_ids", stack((sequence) => sequence.tokenTypeIds)],
    ["position_ids", stack(() => positions)],
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
