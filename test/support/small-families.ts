/**
 * Tiny checkpoints of all model families, as repositories on the hub have them: a config.json, random weights under the
 * names that transformers gives them, and a tokenizer. Answers are nonsense, but inside the text.
 */
import { architectureOf, expectedParameters, parseModelConfig } from "../../src/architectures/index.ts";
import type { JsonObject } from "../../src/checkpoint/json.ts";
import { encodeSafetensors } from "../../src/checkpoint/safetensors-encode.ts";
import { seededUniform } from "../../src/tensor/random.ts";
import { elementCount, type Tensor } from "../../src/tensor/tensor.ts";
import { tokenizerFixture, tokenizerOf } from "./tokenizer-fixtures.ts";

/** Fields that most families share. */
const encoder = {
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 32,
  max_position_embeddings: 128,
};

const roberta = { ...encoder, max_position_embeddings: 130, type_vocab_size: 1, pad_token_id: 1 };

export interface SmallFamily {
  /** config.json without `vocab_size`, which is the tokenizer's. */
  readonly config: JsonObject;
  /** A name in test/fixtures/tokenizers. */
  readonly tokenizer: string;
}

/** By `model_type`. */
export const smallFamilies: Readonly<Record<string, SmallFamily>> = {
  bert: { config: { ...encoder, architectures: ["BertForQuestionAnswering"] }, tokenizer: "bert-cased-old-names" },
  roberta: { config: { ...roberta, architectures: ["RobertaForQuestionAnswering"] }, tokenizer: "roberta" },
  "xlm-roberta": {
    config: { ...roberta, architectures: ["XLMRobertaForQuestionAnswering"] },
    tokenizer: "xlm-roberta",
  },
  camembert: { config: { ...roberta, architectures: ["CamembertForQuestionAnswering"] }, tokenizer: "xlm-roberta" },
  distilbert: {
    config: {
      architectures: ["DistilBertForQuestionAnswering"],
      dim: 16,
      n_layers: 2,
      n_heads: 2,
      hidden_dim: 32,
      max_position_embeddings: 128,
    },
    tokenizer: "distilbert",
  },
  electra: {
    config: { ...encoder, architectures: ["ElectraForQuestionAnswering"], embedding_size: 8 },
    tokenizer: "electra",
  },
  albert: {
    config: { ...encoder, architectures: ["AlbertForQuestionAnswering"], embedding_size: 8 },
    tokenizer: "albert",
  },
  mpnet: { config: { ...encoder, architectures: ["MPNetForQuestionAnswering"] }, tokenizer: "mpnet" },
  // As v3: relative positions in buckets, projected by the layer's own query and key.
  "deberta-v2": {
    config: {
      ...encoder,
      architectures: ["DebertaV2ForQuestionAnswering"],
      relative_attention: true,
      position_buckets: 16,
      pos_att_type: "p2c|c2p",
      share_att_key: true,
      norm_rel_ebd: "layer_norm",
      position_biased_input: false,
    },
    tokenizer: "deberta-v2",
  },
  modernbert: {
    config: {
      ...encoder,
      architectures: ["ModernBertForQuestionAnswering"],
      local_attention: 16,
      global_attn_every_n_layers: 2,
      pad_token_id: 0,
    },
    tokenizer: "modernbert",
  },
};

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The files of a repository, by path. @param seed of the weights. */
export async function smallRepository(modelType: string, seed = 1): Promise<Record<string, Uint8Array>> {
  const family = smallFamilies[modelType];
  if (family === undefined) throw new RangeError(`no small checkpoint of ${modelType}`);
  const fixture = tokenizerFixture(family.tokenizer);
  const vocabulary = { vocab_size: tokenizerOf(fixture).vocabularySize };
  const config = { model_type: modelType, ...family.config, ...vocabulary };
  return {
    "config.json": encode(JSON.stringify(config)),
    "model.safetensors": await smallWeights(config, seed),
    "tokenizer.json": encode(fixture.json),
    "tokenizer_config.json": encode(fixture.config),
  };
}

/** A safetensors file with every parameter of a configuration, uniform on [-1, 1). @param object config.json. */
export async function smallWeights(object: JsonObject, seed: number): Promise<Uint8Array> {
  const config = await parseModelConfig(JSON.stringify(object));
  const { prefix, head } = architectureOf(config);
  // ModernBERT's head has a dense layer and a LayerNorm of its own, beside the encoder.
  const isHead = (name: string) => name.startsWith(`${head}.`) || name.startsWith("head.");
  const uniform = seededUniform(seed);
  const tensors = new Map<string, Tensor>();
  for (const [name, shape] of expectedParameters(config)) {
    const data = Float32Array.from({ length: elementCount(shape) }, () => 2 * uniform() - 1);
    tensors.set(isHead(name) ? name : prefix + name, { dtype: "f32", shape, data });
  }
  return encodeSafetensors(tensors);
}
