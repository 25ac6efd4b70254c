/**
 * The inputs of a layer, and their real positions.
 */
import type { Tensor } from "../../tensor/tensor.ts";

export interface LayerInputs {
  /** [batch, sequence, hidden] */
  readonly hiddenStates: Tensor;
  /** [batch, sequence], 0 for padding. */
  readonly attentionMask: Tensor<"i32">;
}

/** The inputs of `layerProgram`, by name. */
export function inputTensors({ hiddenStates, attentionMask }: LayerInputs): Map<string, Tensor> {
  return new Map<string, Tensor>([
    ["hidden_states", hiddenStates],
    ["attention_mask", attentionMask],
    ["token_indices", indicesOf(attentionMask)],
  ]);
}

/** The index of each position in its sequence, in the mask's shape: what distances are computed from. */
export function indicesOf({ shape }: Pick<LayerInputs["attentionMask"], "shape">): Tensor<"i32"> {
  const [batch, sequence] = shape as [number, number];
  const data = Int32Array.from({ length: batch * sequence }, (_, index) => index % sequence);
  return { dtype: "i32", shape: [batch, sequence], data };
}

/** A mask of ones, for a batch without padding. */
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
