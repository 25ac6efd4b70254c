/** ModernBERT's `config.json`. */
import * as v from "valibot";
import type { JsonObject } from "../../checkpoint/json.ts";
import type { ModelConfig } from "../architecture.ts";
import {
  checkTogether,
  encoderOnly,
  eps,
  erfGelu,
  MAX_LAYERS,
  MIN_POSITIONS,
  readFields,
  size,
  unsupported,
  wholeNumber,
} from "../config-fields.ts";

export interface LayerAttention {
  /** Keys farther than this from a query are masked; absent: full attention. */
  readonly window?: number;
  readonly ropeTheta: number;
}

export interface ModernBertConfig extends ModelConfig {
  readonly family: "modernbert";
  readonly normBias: boolean;
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
  readonly classifierBias: boolean;
  readonly layerAttention: readonly LayerAttention[];
}

const MAX_POSITIONS_SIZE = 1 << 17;
const flag = (fallback: boolean) => v.nullish(v.boolean("true or false"), fallback);
const theta = v.pipe(v.number("a positive number"), v.minValue(1, "a number of at least 1"), v.maxValue(1e12));
const layerKind = v.picklist(["full_attention", "sliding_attention"], '"full_attention" or "sliding_attention"');
const rope = v.looseObject({
  rope_theta: theta,
  rope_type: v.nullish(v.literal("default", '"default": scaled rotary positions are not supported'), "default"),
});

const schema = v.looseObject(
  {
    ...encoderOnly,
    vocab_size: size,
    hidden_size: size,
    num_hidden_layers: wholeNumber(1, MAX_LAYERS),
    num_attention_heads: size,
    intermediate_size: size,
    // Absent or null below: the default of transformers' ModernBertConfig.
    max_position_embeddings: v.nullish(wholeNumber(MIN_POSITIONS, MAX_POSITIONS_SIZE), 8192),
    norm_eps: v.nullish(eps(), 1e-5),
    pad_token_id: v.nullish(wholeNumber(0), 50_283),
    hidden_activation: erfGelu,
    classifier_activation: erfGelu,
    norm_bias: flag(false),
    attention_bias: flag(false),
    mlp_bias: flag(false),
    classifier_bias: flag(false),
    local_attention: v.nullish(wholeNumber(1), 128),
    global_attn_every_n_layers: v.nullish(wholeNumber(1), 3),
    layer_types: v.nullish(v.array(layerKind)),
    global_rope_theta: v.nullish(theta, 160_000),
    local_rope_theta: v.nullish(theta, 10_000),
    rope_parameters: v.nullish(v.looseObject({ full_attention: v.nullish(rope), sliding_attention: v.nullish(rope) })),
  },
  "a whole number of at least 1",
);

type Fields = v.InferOutput<typeof schema>;

export function readConfig(object: JsonObject, fileName: string): ModernBertConfig {
  const fields = readFields(schema, object, fileName, "a ModernBERT");
  const config = {
    family: "modernbert",
    vocabSize: fields.vocab_size,
    hiddenSize: fields.hidden_size,
    layers: fields.num_hidden_layers,
    heads: fields.num_attention_heads,
    intermediateSize: fields.intermediate_size,
    maxPositions: fields.max_position_embeddings,
    tokenTypes: 0,
    layerNormEps: fields.norm_eps,
    padTokenId: fields.pad_token_id,
    normBias: fields.norm_bias,
    attentionBias: fields.attention_bias,
    mlpBias: fields.mlp_bias,
    classifierBias: fields.classifier_bias,
    layerAttention: layerAttention(fields, fileName),
  } as const;
  checkTogether(config, fileName);
  if ((config.hiddenSize / config.heads) % 2 !== 0) {
    throw unsupported(
      fileName,
      "hidden_size",
      config.hiddenSize,
      "an even number for each head: rotary positions turn pairs",
    );
  }
  return config;
}

function layerAttention(fields: Fields, fileName: string): LayerAttention[] {
  const { layer_types: types, num_hidden_layers: layers, rope_parameters: ropes } = fields;
  if (types && types.length !== layers) {
    throw unsupported(fileName, "layer_types", types, `a type for each of the ${layers} layers`);
  }
  return Array.from({ length: layers }, (_, layer) => {
    const byIndex = layer % fields.global_attn_every_n_layers === 0 ? "full_attention" : "sliding_attention";
    const type = types?.[layer] ?? byIndex;
    const isFull = type === "full_attention";
    const ropeTheta = ropes?.[type]?.rope_theta ?? (isFull ? fields.global_rope_theta : fields.local_rope_theta);
    return isFull ? { ropeTheta } : { ropeTheta, window: Math.floor(fields.local_attention / 2) };
  });
}
