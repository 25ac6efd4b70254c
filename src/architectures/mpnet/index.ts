/**
 * MPNet (Song et al., 2020): BERT without token types, with positions that begin after the padding's id, and a bias of the
 * scores by distance, in the buckets of T5, that all layers share.
 */
import * as v from "valibot";
import type { JsonObject } from "../../checkpoint/json.ts";
import { add, constant, gather, parameter, reshape, table, transpose } from "../../program/build.ts";
import { gelu, layerNorm } from "../../program/layers.ts";
import type { Extent, Value } from "../../program/program.ts";
import type { Architecture, LayerInputs, ModelConfig, StageRecorder } from "../architecture.ts";
import {
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
import { distances, scaledDotProducts } from "../layers/attention.ts";
import {
  type EncoderLayerNames,
  encoderLayer,
  encoderLayerParameters,
  encoderModules,
  encoderStageShapes,
} from "../layers/encoder-layer.ts";
import { embedding, questionAnsweringModel, sumOf } from "../layers/model.ts";
import { positionsAfterPadding } from "../positions.ts";

export interface MpnetConfig extends ModelConfig {
  readonly family: "mpnet";
  readonly positionRows: number;
  readonly positionPadding: number;
  readonly relativeBuckets: number;
}

/** Far more than any model has. */
const MAX_BUCKETS = 65_536;

const schema = v.looseObject(
  {
    ...encoderOnly,
    vocab_size: size,
    hidden_size: size,
    num_hidden_layers: wholeNumber(1, MAX_LAYERS),
    num_attention_heads: size,
    intermediate_size: size,
    // Absent or null below: the default of transformers' MPNetConfig.
    max_position_embeddings: v.nullish(wholeNumber(MIN_POSITIONS), 512),
    relative_attention_num_buckets: v.nullish(wholeNumber(4, MAX_BUCKETS), 32),
    layer_norm_eps: v.nullish(eps(), 1e-12),
    pad_token_id: v.nullish(wholeNumber(0), 1),
    hidden_act: erfGelu,
  },
  "a whole number of at least 1",
);

/** Fixed in the code of transformers, whatever pad_token_id says. */
const POSITION_PADDING = 1;
/** Farther keys share the last bucket; fixed in the code of transformers. */
const MAX_DISTANCE = 128;

function readConfig(object: JsonObject, fileName: string): MpnetConfig {
  const fields = readFields(schema, object, fileName, "an MPNet");
  const config = {
    family: "mpnet",
    vocabSize: fields.vocab_size,
    hiddenSize: fields.hidden_size,
    layers: fields.num_hidden_layers,
    heads: fields.num_attention_heads,
    intermediateSize: fields.intermediate_size,
    positionRows: fields.max_position_embeddings,
    ...positionsAfterPadding(fields.max_position_embeddings, POSITION_PADDING, fileName),
    relativeBuckets: fields.relative_attention_num_buckets,
    tokenTypes: 0,
    layerNormEps: fields.layer_norm_eps,
    padTokenId: fields.pad_token_id,
  } as const;
  checkTogether(config, fileName);
  return config;
}

export const layerNames = (layer: number): EncoderLayerNames => {
  const prefix = `encoder.layer.${layer}`;
  return {
    query: `${prefix}.attention.attn.q`,
    key: `${prefix}.attention.attn.k`,
    value: `${prefix}.attention.attn.v`,
    attentionOutput: `${prefix}.attention.attn.o`,
    attentionNorm: `${prefix}.attention.LayerNorm`,
    intermediate: `${prefix}.intermediate.dense`,
    output: `${prefix}.output.dense`,
    outputNorm: `${prefix}.output.LayerNorm`,
  };
};

function parameters(config: MpnetConfig): ParameterShapes {
  const hidden = extent("hidden_size", config.hiddenSize);
  return new Map<string, readonly NamedExtent[]>([
    ["embeddings.word_embeddings.weight", [extent("vocab_size", config.vocabSize), hidden]],
    ["embeddings.position_embeddings.weight", [extent("max_position_embeddings", config.positionRows), hidden]],
    ...normParameters("embeddings.LayerNorm", hidden),
    [
      "encoder.relative_attention_bias.weight",
      [extent("relative_attention_num_buckets", config.relativeBuckets), extent("num_attention_heads", config.heads)],
    ],
    ...Array.from({ length: config.layers }, (_, layer) => encoderLayerParameters(config, layerNames(layer))).flat(),
    ...denseParameters("qa_outputs", fixed(QA_LABELS), hidden),
  ]);
}

function embeddings({ vocabSize, positionRows, hiddenSize, layerNormEps }: MpnetConfig): Value {
  const tables = [
    embedding("embeddings.word_embeddings", vocabSize, hiddenSize, "input_ids"),
    embedding("embeddings.position_embeddings", positionRows, hiddenSize, "position_ids"),
  ];
  return layerNorm(sumOf(tables), layerNormEps, "embeddings.LayerNorm");
}

/**
 * The bucket of the distance query − key (Raffel et al., 2020, bidirectional): half of the buckets for keys after the query,
 * and of each half one half for single distances, the other for distances that grow as powers.
 */
export function relativeBucket(distance: number, buckets: number): number {
  const half = Math.floor(buckets / 2);
  const exact = Math.floor(half / 2);
  const side = distance < 0 ? half : 0;
  const length = Math.abs(distance);
  if (length < exact) return side + length;
  // transformers computes it in float32.
  const logarithm = Math.fround(Math.log(Math.fround(length / exact)));
  const scaled = Math.fround(Math.fround(logarithm / Math.log(MAX_DISTANCE / exact)) * (half - exact));
  return side + Math.min(exact + Math.trunc(scaled), half - 1);
}

/** [batch, heads, queries, keys] */
function positionBias({ heads, maxPositions, relativeBuckets }: MpnetConfig, inputs: LayerInputs): Value {
  const count = 2 * maxPositions - 1;
  const buckets = Float32Array.from({ length: count }, (_, index) => {
    return relativeBucket(index - maxPositions + 1, relativeBuckets);
  });
  const bias = parameter("encoder.relative_attention_bias.weight", [relativeBuckets, heads]);
  const byDistance = gather(bias, table("relative_buckets", [count], buckets, "integer"));
  const places = add(distances(inputs), constant(maxPositions - 1, "integer"));
  const [batch, , queries, keys] = places.shape as [Extent, number, Extent, Extent];
  const found = gather(byDistance, reshape(places, [batch, queries, keys]));
  return transpose(found, [0, 3, 1, 2]);
}

function layer(config: MpnetConfig, index: number, inputs: LayerInputs, stage: StageRecorder): Value {
  const scores = (query: Value, key: Value): Value => add(scaledDotProducts(query, key), positionBias(config, inputs));
  return encoderLayer(config, { names: layerNames(index), activation: gelu, scores }, inputs, stage);
}

export const mpnet: Architecture<MpnetConfig> = {
  family: "mpnet",
  prefix: "mpnet.",
  head: "qa_outputs",
  readConfig,
  parameters,
  layerField: "num_hidden_layers",
  layerParameter: /^encoder\.layer\.(\d+)\./,
  modules: encoderModules(layerNames(0), "encoder.layer.0."),
  program: (config) => questionAnsweringModel(config, { embeddings, layer }),
  layer,
  layerStages: encoderStageShapes,
};
