/**
 * RoBERTa (Liu et al., 2019), XLM-RoBERTa and CamemBERT: BERT's graph, with positions that begin after the padding's id, and
 * one token type.
 */
import * as v from "valibot";
import type { JsonObject } from "../../checkpoint/json.ts";
import { gelu, layerNorm } from "../../program/layers.ts";
import type { Value } from "../../program/program.ts";
import type { Architecture, LayerInputs, ModelConfig, StageRecorder } from "../architecture.ts";
import { layerPrefix } from "../bert/parameters.ts";
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
import {
  denseParameters,
  extent,
  fixed,
  type NamedExtent,
  normParameters,
  type ParameterShapes,
  QA_LABELS,
} from "../extents.ts";
import {
  bertLayerNames,
  encoderLayer,
  encoderLayerParameters,
  encoderModules,
  encoderStageShapes,
} from "../layers/encoder-layer.ts";
import { embedding, firstType, questionAnsweringModel, sumOf } from "../layers/model.ts";
import { positionsAfterPadding } from "../positions.ts";

export interface RobertaConfig extends ModelConfig {
  readonly family: "roberta";
  readonly positionRows: number;
  readonly positionPadding: number;
}

const schema = v.looseObject(
  {
    vocab_size: size,
    hidden_size: size,
    num_hidden_layers: wholeNumber(1, MAX_LAYERS),
    num_attention_heads: size,
    intermediate_size: size,
    // Absent or null below: the default of transformers' RobertaConfig.
    max_position_embeddings: v.nullish(wholeNumber(MIN_POSITIONS), 512),
    type_vocab_size: v.nullish(size, 2),
    layer_norm_eps: v.nullish(eps(), 1e-12),
    pad_token_id: v.nullish(wholeNumber(0), 1),
    hidden_act: erfGelu,
    position_embedding_type: absolutePositions,
    ...encoderOnly,
  },
  "a whole number of at least 1",
);

function readConfig(object: JsonObject, fileName: string): RobertaConfig {
  const fields = readFields(schema, object, fileName, "a RoBERTa");
  const config = {
    family: "roberta",
    vocabSize: fields.vocab_size,
    hiddenSize: fields.hidden_size,
    layers: fields.num_hidden_layers,
    heads: fields.num_attention_heads,
    intermediateSize: fields.intermediate_size,
    positionRows: fields.max_position_embeddings,
    ...positionsAfterPadding(fields.max_position_embeddings, fields.pad_token_id, fileName),
    tokenTypes: fields.type_vocab_size,
    layerNormEps: fields.layer_norm_eps,
    padTokenId: fields.pad_token_id,
  } as const;
  checkTogether(config, fileName);
  return config;
}

function parameters(config: RobertaConfig): ParameterShapes {
  const hidden = extent("hidden_size", config.hiddenSize);
  return new Map<string, readonly NamedExtent[]>([
    ["embeddings.word_embeddings.weight", [extent("vocab_size", config.vocabSize), hidden]],
    ["embeddings.position_embeddings.weight", [extent("max_position_embeddings", config.positionRows), hidden]],
    ["embeddings.token_type_embeddings.weight", [extent("type_vocab_size", config.tokenTypes), hidden]],
    ...normParameters("embeddings.LayerNorm", hidden),
    ...Array.from({ length: config.layers }, (_, layer) => {
      return encoderLayerParameters(config, bertLayerNames(layerPrefix(layer)));
    }).flat(),
    ...denseParameters("qa_outputs", fixed(QA_LABELS), hidden),
  ]);
}

/** Every token has type 0, whatever the tokenizer says. */
function embeddings({ vocabSize, tokenTypes, positionRows, hiddenSize, layerNormEps }: RobertaConfig): Value {
  const tables = [
    embedding("embeddings.word_embeddings", vocabSize, hiddenSize, "input_ids"),
    firstType("embeddings.token_type_embeddings", tokenTypes, hiddenSize),
    embedding("embeddings.position_embeddings", positionRows, hiddenSize, "position_ids"),
  ];
  return layerNorm(sumOf(tables), layerNormEps, "embeddings.LayerNorm");
}

function layer(config: RobertaConfig, index: number, inputs: LayerInputs, stage: StageRecorder): Value {
  return encoderLayer(config, { names: bertLayerNames(layerPrefix(index)), activation: gelu }, inputs, stage);
}

export const roberta: Architecture<RobertaConfig> = {
  family: "roberta",
  prefix: "roberta.",
  head: "qa_outputs",
  readConfig,
  parameters,
  layerField: "num_hidden_layers",
  layerParameter: /^encoder\.layer\.(\d+)\./,
  modules: encoderModules(bertLayerNames(layerPrefix(0)), `${layerPrefix(0)}.`),
  program: (config) => questionAnsweringModel(config, { embeddings, layer }),
  layer,
  layerStages: encoderStageShapes,
};
