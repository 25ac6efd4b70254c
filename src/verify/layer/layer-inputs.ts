/**
 * What a layer is run on, and which of its positions count.
 */
import type { Tensor } from "../../tensor/tensor.ts";

export interface LayerInputs {
  /** [batch, sequence, hidden] */
  readonly hiddenStates: Tensor;
  /** [batch, sequence], 0 for padding. */
  readonly attentionMask: Tensor<"i32">;
}

/** The tensors of `layerProgram`'s inputs: both kinds of states are the same. */
export function inputTensors({ hiddenStates, attentionMask }: LayerInputs): Map<string, Tensor> {
  return new Map([
    ["hidden_states", hiddenStates],
    ["key_states", hiddenStates],
    ["attention_mask", attentionMask],
  ]);
}

/** A mask of ones, for a batch of one row or rows of one length. */
export function fullMask(batch: number, sequence: number): Tensor<"i32"> {
  return { dtype: "i32", shape: [batch, sequence], data: new Int32Array(batch * sequence).fill(1) };
}

/** The real positions of each row of the batch. */
export function realPositions({ attentionMask }: Pick<LayerInputs, "attentionMask">): number[][] {
  const [batch, sequence] = attentionMask.shape as [number, number];
  return Array.from({ length: batch }, (_, row) => {
    const mask = attentionMask.data.subarray(row * sequence, (row + 1) * sequence);
    return Array.from(mask.keys()).filter((position) => mask[position] !== 0);
  });
}
