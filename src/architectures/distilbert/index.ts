/** DistilBERT (Sanh et al., 2019): BERT with other names, without token types, and with a fixed eps. */
import * as v from "valibot";
import type { JsonObject } from "../../checkpoint/json.ts";
import { gelu, layerNorm } from "../../program/layers.ts";
import type { Value } from "../../program/program.ts";
import type { Architecture, LayerInputs, ModelConfig, StageRecorder } from "../architecture.ts";
import {
  checkTogether,
  encoderOnly,
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
  type EncoderLayerNames,
  encoderLayer,
  encoderLayerParameters,
  encoderModules,
  encoderStageShapes,
} from "../layers/encoder-layer.ts";
import { embedding, questionAnsweringModel, sumOf } from "../layers/model.ts";

export interface DistilBertConfig extends ModelConfig {
  readonly family: "distilbert";
}

const schema = v.looseObject(
  {
    ...encoderOnly,
    vocab_size: size,
    dim: size,
    n_layers: wholeNumber(1, MAX_LAYERS),
    n_heads: size,
    hidden_dim: size,
    max_position_embeddings: v.nullish(wholeNumber(MIN_POSITIONS), 512),
    pad_token_id: v.nullish(wholeNumber(0), 0),
    activation: erfGelu,
  },
  "a whole number of at least 1",
);

/** Fixed in the code of transformers. */
const LAYER_NORM_EPS = 1e-12;

function readConfig(object: JsonObject, fileName: string): DistilBertConfig {
  const fields = readFields(schema, object, fileName, "a DistilBERT");
  const config = {
    family: "distilbert",
    vocabSize: fields.vocab_size,
    hiddenSize: fields.dim,
    layers: fields.n_layers,
    heads: fields.n_heads,
    intermediateSize: fields.hidden_dim,
    maxPositions: fields.max_position_embeddings,
    tokenTypes: 0,
    layerNormEps: LAYER_NORM_EPS,
    padTokenId: fields.pad_token_id,
  } as const;
  checkTogether(config, fileName, ["dim", "n_heads"]);
  return config;
}

export const layerNames = (layer: number): EncoderLayerNames => {
  const prefix = `transformer.layer.${layer}`;
  return {
    query: `${prefix}.attention.q_lin`,
    key: `${prefix}.attention.k_lin`,
    value: `${prefix}.attention.v_lin`,
    attentionOutput: `${prefix}.attention.out_lin`,
    attentionNorm: `${prefix}.sa_layer_norm`,
    intermediate: `${prefix}.ffn.lin1`,
    output: `${prefix}.ffn.lin2`,
    outputNorm: `${prefix}.output_layer_norm`,
  };
};

function parameters(config: DistilBertConfig): ParameterShapes {
  const hidden = extent("dim", config.hiddenSize);
  return new Map<string, readonly NamedExtent[]>([
    ["embeddings.word_embeddings.weight", [extent("vocab_size", config.vocabSize), hidden]],
    ["embeddings.position_embeddings.weight", [extent("max_position_embeddings", config.maxPositions), hidden]],
    ...normParameters("embeddings.LayerNorm", hidden),
    ...Array.from({ length: config.layers }, (_, layer) => {
      return encoderLayerParameters(config, layerNames(layer), { hidden: "dim", intermediate: "hidden_dim" });
    }).flat(),
    ...denseParameters("qa_outputs", fixed(QA_LABELS), hidden),
  ]);
}

function embeddings({ vocabSize, maxPositions, hiddenSize, layerNormEps }: DistilBertConfig): Value {
  const tables = [
    embedding("embeddings.word_embeddings", vocabSize, hiddenSize, "input_ids"),
    embedding("embeddings.position_embeddings", maxPositions, hiddenSize, "position_ids"),
  ];
  return layerNorm(sumOf(tables), layerNormEps, "embeddings.LayerNorm");
}

function layer(config: DistilBertConfig, index: number, inputs: LayerInputs, stage: StageRecorder): Value {
  return encoderLayer(config, { names: layerNames(index), activation: gelu }, inputs, stage);
}

export const distilbert: Architecture<DistilBertConfig> = {
  family: "distilbert",
  prefix: "distilbert.",
  head: "qa_outputs",
  readConfig,
  parameters,
  layerField: "n_layers",
  layerParameter: /^transformer\.layer\.(\d+)\./,
  modules: encoderModules(layerNames(0), "transformer.layer.0."),
  program: (config) => questionAnsweringModel(config, { embeddings, layer }),
  layer,
  layerStages: encoderStageShapes,
};
