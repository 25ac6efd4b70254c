/**
 * ALBERT (Lan et al., 2019): one layer's weights serve all layers of a group, embeddings are narrow and projected, and GELU is
 * the tanh form.
 *
 * transformers counts a group's inner layers as layers: a model of 4 layers in groups of 2 inner ones has 8.
 */
import * as v from "valibot";
import type { JsonObject } from "../../checkpoint/json.ts";
import { dense, gelu, geluTanh, layerNorm } from "../../program/layers.ts";
import type { Value } from "../../program/program.ts";
import type { Architecture, LayerInputs, ModelConfig, StageRecorder } from "../architecture.ts";
import {
  absolutePositions,
  checkTogether,
  encoderOnly,
  eps,
  MAX_LAYERS,
  MIN_POSITIONS,
  readFields,
  size,
  unsupported,
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
  type EncoderLayerNames,
  encoderLayer,
  encoderLayerParameters,
  encoderModules,
  encoderStageShapes,
} from "../layers/encoder-layer.ts";
import { embedding, questionAnsweringModel, sumOf } from "../layers/model.ts";

export interface AlbertConfig extends ModelConfig {
  readonly family: "albert";
  /** Inner layers computed, one after another. */
  readonly layers: number;
  readonly embeddingSize: number;
  readonly groups: number;
  /** Inner layers of a group. */
  readonly groupLayers: number;
  readonly activation: "gelu" | "gelu_new";
}

const schema = v.looseObject(
  {
    ...encoderOnly,
    vocab_size: size,
    // Absent or null below: the default of transformers' AlbertConfig.
    embedding_size: v.nullish(size, 128),
    hidden_size: v.nullish(size, 4096),
    num_hidden_layers: v.nullish(wholeNumber(1, MAX_LAYERS), 12),
    num_hidden_groups: v.nullish(wholeNumber(1, MAX_LAYERS), 1),
    inner_group_num: v.nullish(wholeNumber(1, MAX_LAYERS), 1),
    num_attention_heads: v.nullish(size, 64),
    intermediate_size: v.nullish(size, 16384),
    max_position_embeddings: v.nullish(wholeNumber(MIN_POSITIONS), 512),
    type_vocab_size: v.nullish(wholeNumber(2), 2),
    layer_norm_eps: v.nullish(eps(), 1e-12),
    pad_token_id: v.nullish(wholeNumber(0), 0),
    hidden_act: v.nullish(v.picklist(["gelu", "gelu_new"], 'GELU: "gelu_new" (tanh) or "gelu" (erf)'), "gelu_new"),
    position_embedding_type: absolutePositions,
  },
  "a whole number of at least 1",
);

function readConfig(object: JsonObject, fileName: string): AlbertConfig {
  const fields = readFields(schema, object, fileName, "an ALBERT");
  const layers = fields.num_hidden_layers * fields.inner_group_num;
  if (fields.num_hidden_groups > fields.num_hidden_layers || layers > MAX_LAYERS) {
    throw unsupported(fileName, "num_hidden_groups", fields.num_hidden_groups, "at most num_hidden_layers groups");
  }
  const config = {
    family: "albert",
    vocabSize: fields.vocab_size,
    embeddingSize: fields.embedding_size,
    hiddenSize: fields.hidden_size,
    layers,
    groups: fields.num_hidden_groups,
    groupLayers: fields.inner_group_num,
    heads: fields.num_attention_heads,
    intermediateSize: fields.intermediate_size,
    maxPositions: fields.max_position_embeddings,
    tokenTypes: fields.type_vocab_size,
    layerNormEps: fields.layer_norm_eps,
    padTokenId: fields.pad_token_id,
    activation: fields.hidden_act,
  } as const;
  checkTogether(config, fileName);
  return config;
}

const innerNames = (group: number, inner: number): EncoderLayerNames => {
  const prefix = `encoder.albert_layer_groups.${group}.albert_layers.${inner}`;
  return {
    query: `${prefix}.attention.query`,
    key: `${prefix}.attention.key`,
    value: `${prefix}.attention.value`,
    attentionOutput: `${prefix}.attention.dense`,
    attentionNorm: `${prefix}.attention.LayerNorm`,
    intermediate: `${prefix}.ffn`,
    output: `${prefix}.ffn_output`,
    outputNorm: `${prefix}.full_layer_layer_norm`,
  };
};

/** The names of the weights that a layer uses. */
export function layerNames({ layers, groups, groupLayers }: AlbertConfig, layer: number): EncoderLayerNames {
  const outer = Math.floor(layer / groupLayers);
  return innerNames(Math.floor((outer * groups) / (layers / groupLayers)), layer % groupLayers);
}

function parameters(config: AlbertConfig): ParameterShapes {
  const hidden = extent("hidden_size", config.hiddenSize);
  const width = extent("embedding_size", config.embeddingSize);
  return new Map<string, readonly NamedExtent[]>([
    ["embeddings.word_embeddings.weight", [extent("vocab_size", config.vocabSize), width]],
    ["embeddings.position_embeddings.weight", [extent("max_position_embeddings", config.maxPositions), width]],
    ["embeddings.token_type_embeddings.weight", [extent("type_vocab_size", config.tokenTypes), width]],
    ...normParameters("embeddings.LayerNorm", width),
    ...denseParameters("encoder.embedding_hidden_mapping_in", hidden, width),
    ...Array.from({ length: config.layers }, (_, layer) => {
      return encoderLayerParameters(config, layerNames(config, layer));
    }).flat(),
    ...denseParameters("qa_outputs", fixed(QA_LABELS), hidden),
  ]);
}

function embeddings(config: AlbertConfig): Value {
  const { vocabSize, tokenTypes, maxPositions, embeddingSize, hiddenSize, layerNormEps } = config;
  const tables = [
    embedding("embeddings.word_embeddings", vocabSize, embeddingSize, "input_ids"),
    embedding("embeddings.token_type_embeddings", tokenTypes, embeddingSize, "token_type_ids"),
    embedding("embeddings.position_embeddings", maxPositions, embeddingSize, "position_ids"),
  ];
  const normalized = layerNorm(sumOf(tables), layerNormEps, "embeddings.LayerNorm");
  return dense(normalized, "encoder.embedding_hidden_mapping_in", embeddingSize, hiddenSize);
}

function layer(config: AlbertConfig, index: number, inputs: LayerInputs, stage: StageRecorder): Value {
  const activation = config.activation === "gelu" ? gelu : geluTanh;
  return encoderLayer(config, { names: layerNames(config, index), activation }, inputs, stage);
}

export const albert: Architecture<AlbertConfig> = {
  family: "albert",
  prefix: "albert.",
  head: "qa_outputs",
  readConfig,
  parameters,
  layerField: "num_hidden_groups",
  layerParameter: /^encoder\.albert_layer_groups\.(\d+)\.albert_layers\.\d+\./,
  modules: encoderModules(innerNames(0, 0), "encoder.albert_layer_groups.0.albert_layers.0."),
  sharesLayers: true,
  program: (config) => questionAnsweringModel(config, { embeddings, layer }),
  layer,
  layerStages: encoderStageShapes,
};
