/**
 * BERT with random weights and inputs, to measure speed without a download.
 */
import { expectedParameters, type ModelConfig } from "../../src/architectures/index.ts";
import type { ReadParameter } from "../../src/engines/engine.ts";
import { randomTensors } from "../../src/engines/webgpu/tune/synthetic-tensors.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

export function randomParameters(config: ModelConfig, half: boolean): ReadParameter {
  return randomTensors(expectedParameters(config), half);
}

/**
 * Token ids of a batch, padded to the longest.
 * @param lengths the lengths of its sequences, in tokens.
 */
export function batchOf(config: ModelConfig, lengths: readonly number[]): Map<string, Tensor> {
  const sequence = Math.max(...lengths);
  const integers = (of: (index: number) => number): Tensor => {
    const data = Int32Array.from({ length: lengths.length * sequence }, (_, index) => of(index));
    return { dtype: "i32", shape: [lengths.length, sequence], data };
  };
  return new Map([
    ["input_ids", integers((index) => (index * 7919) % config.vocabSize)],
    ["token_type_ids", integers((index) => (index % sequence > 20 ? 1 : 0))],
    ["position_ids", integers((index) => index % sequence)],
    ["attention_mask", integers((index) => (index % sequence < (lengths[Math.floor(index / sequence)] ?? 0) ? 1 : 0))],
  ]);
}
