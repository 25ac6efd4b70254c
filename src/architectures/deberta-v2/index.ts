/**
 * DeBERTa-v2 and v3 (He et al., 2020 and 2021): attention by content and relative positions, and in v2-xlarge a convolution
 * beside the first layer.
 */
import {
  add,
  constant,
  equal,
  matmul,
  multiply,
  parameter,
  reshape,
  select,
  tanh,
  transpose,
} from "../../program/build.ts";
import { gelu, layerNorm, linear } from "../../program/layers.ts";
import type { Extent, Value } from "../../program/program.ts";
import type { Architecture, LayerInputs, StageRecorder } from "../architecture.ts";
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
import { type AroundLayer, embedding, questionAnsweringModel, sumOf } from "../layers/model.ts";
import type { LayerModules } from "../parts.ts";
import { type DebertaConfig, type RelativeAttention, readConfig } from "./config.ts";
import { columnOf, disentangledScores, scoreTerms, tap } from "./relative.ts";

interface DebertaLayerNames extends EncoderLayerNames {
  /** The projections of relative positions. */
  readonly positionKey: string;
  readonly positionQuery: string;
}

export function layerNames(
  { relative }: { readonly relative?: Pick<RelativeAttention, "sharesKey"> },
  layer: number,
): DebertaLayerNames {
  const prefix = `encoder.layer.${layer}`;
  const self = `${prefix}.attention.self`;
  const shares = relative?.sharesKey ?? true;
  return {
    query: `${self}.query_proj`,
    key: `${self}.key_proj`,
    value: `${self}.value_proj`,
    positionKey: shares ? `${self}.key_proj` : `${self}.pos_key_proj`,
    positionQuery: shares ? `${self}.query_proj` : `${self}.pos_query_proj`,
    attentionOutput: `${prefix}.attention.output.dense`,
    attentionNorm: `${prefix}.attention.output.LayerNorm`,
    intermediate: `${prefix}.intermediate.dense`,
    output: `${prefix}.output.dense`,
    outputNorm: `${prefix}.output.LayerNorm`,
  };
}

function parameters(config: DebertaConfig): ParameterShapes {
  const { relative, convolution } = config;
  const hidden = extent("hidden_size", config.hiddenSize);
  const width = extent("embedding_size", config.embeddingSize);
  const layerParameters = (layer: number): [string, readonly NamedExtent[]][] => {
    const names = layerNames(config, layer);
    const isOwn = relative !== undefined && !relative.sharesKey;
    return [
      ...encoderLayerParameters(config, names),
      ...(isOwn && relative.c2p ? denseParameters(names.positionKey, hidden, hidden) : []),
      ...(isOwn && relative.p2c ? denseParameters(names.positionQuery, hidden, hidden) : []),
    ];
  };
  const entries: [string, readonly NamedExtent[]][] = [
    ["embeddings.word_embeddings.weight", [extent("vocab_size", config.vocabSize), width]],
  ];
  if (config.biasedInput) {
    const positions = extent("max_position_embeddings", config.maxPositions);
    entries.push(["embeddings.position_embeddings.weight", [positions, width]]);
  }
  if (config.tokenTypes > 0) {
    entries.push(["embeddings.token_type_embeddings.weight", [extent("type_vocab_size", config.tokenTypes), width]]);
  }
  if (config.embeddingSize !== config.hiddenSize) entries.push(["embeddings.embed_proj.weight", [hidden, width]]);
  entries.push(...normParameters("embeddings.LayerNorm", hidden));
  if (relative !== undefined) {
    entries.push(["encoder.rel_embeddings.weight", [extent("2 · position_buckets", 2 * relative.span), hidden]]);
    if (relative.isNormalized) entries.push(...normParameters("encoder.LayerNorm", hidden));
  }
  if (convolution !== undefined) {
    const taps = extent("conv_kernel_size", convolution.size);
    entries.push(["encoder.conv.conv.weight", [hidden, hidden, taps]], ["encoder.conv.conv.bias", [hidden]]);
    entries.push(...normParameters("encoder.conv.LayerNorm", hidden));
  }
  for (let layer = 0; layer < config.layers; layer++) entries.push(...layerParameters(layer));
  return new Map([...entries, ...denseParameters("qa_outputs", fixed(QA_LABELS), hidden)]);
}

function embeddings(config: DebertaConfig, mask: Value): Value {
  const { vocabSize, maxPositions, tokenTypes, embeddingSize, hiddenSize, layerNormEps } = config;
  const tables = [embedding("embeddings.word_embeddings", vocabSize, embeddingSize, "input_ids")];
  if (config.biasedInput) {
    tables.push(embedding("embeddings.position_embeddings", maxPositions, embeddingSize, "position_ids"));
  }
  if (tokenTypes > 0) {
    tables.push(embedding("embeddings.token_type_embeddings", tokenTypes, embeddingSize, "token_type_ids"));
  }
  const sum = sumOf(tables);
  const hidden = embeddingSize === hiddenSize ? sum : linear(sum, "embeddings.embed_proj", embeddingSize, hiddenSize);
  const normalized = layerNorm(hidden, layerNormEps, "embeddings.LayerNorm");
  // Only a convolution lets padding reach other tokens.
  return config.convolution === undefined ? normalized : multiply(normalized, columnOf(mask));
}

function layer(config: DebertaConfig, index: number, inputs: LayerInputs, stage: StageRecorder): Value {
  const names = layerNames(config, index);
  const scores = (query: Value, key: Value): Value => disentangledScores(config, names, inputs, query, key);
  return encoderLayer(config, { names, activation: gelu, scores }, inputs, stage);
}

/** Adds the convolution of the embeddings to the first layer's output. */
function afterLayer(config: DebertaConfig, index: number, around: AroundLayer): Value {
  const { convolution, hiddenSize, layerNormEps } = config;
  const { hidden, embeddings: embedded, mask, indices } = around;
  if (convolution === undefined || index > 0) return hidden;
  const weight = parameter("encoder.conv.conv.weight", [hiddenSize, hiddenSize, convolution.size]);
  const taps = Array.from({ length: convolution.size }, (_, offset) => {
    const shifted = shift(embedded, indices, offset - (convolution.size - 1) / 2);
    return matmul(shifted, transpose(tap(weight, offset), [1, 0]));
  });
  const convolved = add(sumOf(taps), parameter("encoder.conv.conv.bias", [hiddenSize]));
  const kept = select(columnOf(mask), convolved, constant(0));
  const activated = convolution.activation === "tanh" ? tanh(kept) : gelu(kept);
  return multiply(layerNorm(add(hidden, activated), layerNormEps, "encoder.conv.LayerNorm"), columnOf(mask));
}

/** The rows `offset` tokens later, zero beyond the sequence: a product with a matrix of ones on one diagonal. */
function shift(rows: Value, indices: Value, offset: number): Value {
  if (offset === 0) return rows;
  const [batch, sequence] = indices.shape as [Extent, Extent];
  const target = add(reshape(indices, [batch, sequence, 1]), constant(offset, "integer"));
  return matmul(equal(target, reshape(indices, [batch, 1, sequence])), rows);
}

const prefix = "encoder.layer.0.";
const ownNames = layerNames({ relative: { sharesKey: false } }, 0);
const modules: LayerModules = new Map([
  ...encoderModules(ownNames, prefix),
  ...[ownNames.positionKey, ownNames.positionQuery].map(
    (name) => [name.slice(prefix.length), { part: "query, key, value" }] as const,
  ),
]);

export const deberta: Architecture<DebertaConfig> = {
  family: "deberta-v2",
  prefix: "deberta.",
  head: "qa_outputs",
  readConfig,
  parameters,
  layerField: "num_hidden_layers",
  layerParameter: /^encoder\.layer\.(\d+)\./,
  modules,
  program: (config) => questionAnsweringModel(config, { embeddings, layer, afterLayer }),
  layer,
  layerStages: encoderStageShapes,
  scoreTerms: ({ relative }) => scoreTerms(relative),
};
