/** For tests: a question-answering BERT of two layers and a few thousand weights, as files. */

import { parseConfig } from "../../architectures/bert/config.ts";
import { expectedParameters, type ModelConfig } from "../../architectures/index.ts";
import { elementCount, type Tensor } from "../../tensor/tensor.ts";
import { encodeSafetensors } from "../safetensors.ts";

export const tinyConfigJson = {
  architectures: ["BertForQuestionAnswering"],
  model_type: "bert",
  vocab_size: 13,
  hidden_size: 6,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  intermediate_size: 10,
  hidden_act: "gelu",
  max_position_embeddings: 7,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  pad_token_id: 0,
};

export const tinyConfig: ModelConfig = parseConfig(JSON.stringify(tinyConfigJson));

/** The tiny model's parameters in float32, with names mapped by `rename`. */
export function tinyTensors(rename: (name: string) => string = (name) => name): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  let seed = 0;
  for (const [name, shape] of expectedParameters(tinyConfig)) {
    const data = Float32Array.from({ length: elementCount(shape) }, () => Math.sin(++seed));
    tensors.set(rename(name), { dtype: "f32", shape, data });
  }
  return tensors;
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The tiny model's files. */
export function tinyFiles(tensors = tinyTensors(), config: object = tinyConfigJson): Record<string, Uint8Array> {
  return { "config.json": utf8(JSON.stringify(config)), "model.safetensors": encodeSafetensors(tensors) };
}
