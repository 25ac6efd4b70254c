/** ELECTRA's discriminator (Clark et al., 2020): BERT, whose embeddings may be narrower and are then projected. */
import * as v from "valibot";
import type { JsonObject } from "../../checkpoint/json.ts";
import { dense, gelu, layerNorm } from "../../program/layers.ts";
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
import { embedding, questionAnsweringModel, sumOf } from "../layers/model.ts";

export interface ElectraConfig extends ModelConfig {
  readonly family: "electra";
  readonly embeddingSize: number;
}

const schema = v.looseObject(
  {
    vocab_size: size,
    hidden_size: size,
    num_hidden_layers: wholeNumber(1, MAX_LAYERS),
    num_attention_heads: size,
    intermediate_size: size,
    // Absent or null below: the default of transformers' ElectraConfig.
    embedding_size: v.nullish(size, 128),
    max_position_embeddings: v.nullish(wholeNumber(MIN_POSITIONS), 512),
    type_vocab_size: v.nullish(wholeNumber(2), 2),
    layer_norm_eps: v.nullish(eps(), 1e-12),
    pad_token_id: v.nullish(wholeNumber(0), 0),
    hidden_act: erfGelu,
    position_embedding_type: absolutePositions,
    ...encoderOnly,
  },
  "a whole number of at least 1",
);

function readConfig(object: JsonObject, fileName: string): ElectraConfig {
  const fields = readFields(schema, object, fileName, "an ELECTRA");
  const config = {
    family: "electra",
    vocabSize: fields.vocab_size,
    hiddenSize: fields.hidden_size,
    layers: fields.num_hidden_layers,
    heads: fields.num_attention_heads,
    intermediateSize: fields.intermediate_size,
    embeddingSize: fields.embedding_size,
    maxPositions: fields.max_position_embeddings,
    tokenTypes: fields.type_vocab_size,
    layerNormEps: fields.layer_norm_eps,
    padTokenId: fields.pad_token_id,
  } as const;
  checkTogether(config, fileName);
  return config;
}

const isProjected = ({ embeddingSize, hiddenSize }: ElectraConfig): boolean => embeddingSize !== hiddenSize;

function parameters(config: ElectraConfig): ParameterShapes {
  const hidden = extent("hidden_size", config.hiddenSize);
  const width = extent("embedding_size", config.embeddingSize);
  return new Map<string, readonly NamedExtent[]>([
    ["embeddings.word_embeddings.weight", [extent("vocab_size", config.vocabSize), width]],
    ["embeddings.position_embeddings.weight", [extent("max_position_embeddings", config.maxPositions), width]],
    ["embeddings.token_type_embeddings.weight", [extent("type_vocab_size", config.tokenTypes), width]],
    ...normParameters("embeddings.LayerNorm", width),
    ...(isProjected(config) ? denseParameters("embeddings_project", hidden, width) : []),
    ...Array.from({ length: config.layers }, (_, layer) => {
      return encoderLayerParameters(config, bertLayerNames(layerPrefix(layer)));
    }).flat(),
    ...denseParameters("qa_outputs", fixed(QA_LABELS), hidden),
  ]);
}

function embeddings(config: ElectraConfig): Value {
  const { vocabSize, tokenTypes, maxPositions, embeddingSize, hiddenSize, layerNormEps } = config;
  const tables = [
    embedding("embeddings.word_embeddings", vocabSize, embeddingSize, "input_ids"),
    embedding("embeddings.token_type_embeddings", tokenTypes, embeddingSize, "token_type_ids"),
    embedding("embeddings.position_embeddings", maxPositions, embeddingSize, "position_ids"),
  ];
  const normalized = layerNorm(sumOf(tables), layerNormEps, "embeddings.LayerNorm");
  return isProjected(config) ? dense(normalized, "embeddings_project", embeddingSize, hiddenSize) : normalized;
}

function layer(config: ElectraConfig, index: number, inputs: LayerInputs, stage: StageRecorder): Value {
  return encoderLayer(config, { names: bertLayerNames(layerPrefix(index)), activation: gelu }, inputs, stage);
}

export const electra: Architecture<ElectraConfig> = {
  family: "electra",
  prefix: "electra.",
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
