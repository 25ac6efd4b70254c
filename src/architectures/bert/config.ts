/** BERT's `config.json`. */
import * as v from "valibot";
import { type JsonObject, parseJsonObject } from "../../checkpoint/json.ts";
import type { ModelConfig } from "../architecture.ts";
import {
  absolutePositions,
  checkTogether,
  encoderOnly,
  eps,
  erfGelu,
  MAX_LAYERS,
  MIN_POSITIONS,
  readFields,
  size,
  wholeNumber,
} from "../config-fields.ts";

export interface BertConfig extends ModelConfig {
  readonly family: "bert";
}

const schema = v.looseObject(
  {
    vocab_size: size,
    hidden_size: size,
    num_hidden_layers: wholeNumber(1, MAX_LAYERS),
    num_attention_heads: size,
    intermediate_size: size,
    // Absent or null below: the default of transformers' BertConfig.
    max_position_embeddings: v.nullish(wholeNumber(MIN_POSITIONS), 512),
    // The question's tokens have type 0, the text's have 1.
    type_vocab_size: v.nullish(wholeNumber(2), 2),
    layer_norm_eps: v.nullish(eps(), 1e-12),
    pad_token_id: v.nullish(wholeNumber(0), 0),
    hidden_act: erfGelu,
    position_embedding_type: absolutePositions,
    ...encoderOnly,
  },
  "a whole number of at least 1",
);

/**
 * The sizes of vocabulary, hidden state, layers, heads and intermediate state are required; the other fields have
 * transformers' defaults: 512 positions, 2 token types, eps 1e-12, padding 0, GELU.
 * @param fileName for errors.
 * @throws CheckpointError that names the field.
 */
export function parseConfig(json: string, fileName = "config.json"): BertConfig {
  return readConfig(parseJsonObject(json, fileName), fileName);
}

/** As `parseConfig`, for parsed JSON. */
export function readConfig(object: JsonObject, fileName: string): BertConfig {
  const fields = readFields(schema, object, fileName, "a BERT");
  const config = {
    family: "bert",
    vocabSize: fields.vocab_size,
    hiddenSize: fields.hidden_size,
    layers: fields.num_hidden_layers,
    heads: fields.num_attention_heads,
    intermediateSize: fields.intermediate_size,
    maxPositions: fields.max_position_embeddings,
    tokenTypes: fields.type_vocab_size,
    layerNormEps: fields.layer_norm_eps,
    padTokenId: fields.pad_token_id,
  } as const;
  checkTogether(config, fileName);
  return config;
}
