/**
 * BERT with made-up weights: what a benchmark of speed needs, without a download.
 */
import type { BertConfig } from "../src/checkpoint/config.ts";
import { expectedParameters } from "../src/checkpoint/parameters.ts";
import { seededUniform } from "../src/tensor/random.ts";
import { elementCount, type Tensor } from "../src/tensor/tensor.ts";

/** Weights as BERT initialises them, spread about 0.02 (uniform here). */
export function randomParameters(config: BertConfig): Map<string, Tensor<"f32">> {
  const uniform = seededUniform(12_345);
  const parameters = new Map<string, Tensor<"f32">>();
  for (const [name, shape] of expectedParameters(config)) {
    const data = new Float32Array(elementCount(shape));
    const center = name.endsWith("LayerNorm.weight") ? 1 : 0;
    for (let index = 0; index < data.length; index++) data[index] = center + 0.035 * (2 * uniform() - 1);
    parameters.set(name, { dtype: "f32", shape, data });
  }
  return parameters;
}

/** Token ids of a full batch. */
export function batchOf(config: BertConfig, batch: number, sequence: number): Map<string, Tensor> {
  const integers = (of: (index: number) => number): Tensor => {
    const data = Int32Array.from({ length: batch * sequence }, (_, index) => of(index));
    return { dtype: "i32", shape: [batch, sequence], data };
  };
  return new Map([
    ["input_ids", integers((index) => (index * 7919) % config.vocabSize)],
    ["token_type_ids", integers((index) => (index % sequence > 20 ? 1 : 0))],
    ["position_ids", integers((index) => index % sequence)],
    ["attention_mask", integers(() => 1)],
  ]);
}

/** The batches by which speed is told: sequences, and tokens of each. */
export const works = [
  [1, 128],
  [1, 384],
  [8, 384],
  [32, 384],
] as const;
