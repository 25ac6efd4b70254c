/**
 * BERT-base with made-up weights: what a benchmark of speed needs, without a download.
 */
import type { BertConfig } from "../src/checkpoint/config.ts";
import { bertForQuestionAnswering } from "../src/program/bert.ts";
import { computeOrder } from "../src/program/order.ts";
import type { Tensor } from "../src/tensor/tensor.ts";

export const bertBase: BertConfig = {
  vocabSize: 30_522,
  hiddenSize: 768,
  layers: 12,
  heads: 12,
  intermediateSize: 3072,
  maxPositions: 512,
  tokenTypes: 2,
  layerNormEps: 1e-12,
  padTokenId: 0,
};

/** Weights as BERT initialises them, spread about 0.02 (uniform here, from a linear congruential generator). */
export function randomParameters(config: BertConfig): Map<string, Tensor<"f32">> {
  const parameters = new Map<string, Tensor<"f32">>();
  let state = 12_345;
  const random = (): number => {
    // Numerical Recipes' constants; good enough for weights.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state / 2 ** 31;
  };
  for (const { operation, shape } of computeOrder(bertForQuestionAnswering(config))) {
    if (operation.kind !== "parameter" || parameters.has(operation.name)) continue;
    const extents = shape.map(Number);
    const data = new Float32Array(extents.reduce((product, extent) => product * extent, 1));
    const center = operation.name.endsWith("LayerNorm.weight") ? 1 : 0;
    for (let index = 0; index < data.length; index++) data[index] = center + 0.035 * random();
    parameters.set(operation.name, { dtype: "f32", shape: extents, data });
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
