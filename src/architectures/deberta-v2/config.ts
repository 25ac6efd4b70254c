/** The `config.json` of DeBERTa-v2 and DeBERTa-v3, which share a model type. */
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

export interface DebertaConfig extends ModelConfig {
  readonly family: "deberta-v2";
  readonly embeddingSize: number;
  /** Whether position embeddings are added to the words'. */
  readonly biasedInput: boolean;
  /** Absent: no relative attention. */
  readonly relative?: RelativeAttention;
  readonly convolution?: Convolution;
}

/** Disentangled attention: what is added to the products of query and key. */
export interface RelativeAttention {
  /** Rows of the table of relative positions are 2 · span. */
  readonly span: number;
  /** Distances up to half of it have buckets of their own, farther ones share. Absent: a bucket for each distance. */
  readonly buckets?: number;
  readonly maxDistance: number;
  /** Content to position: the query with the key's position. */
  readonly c2p: boolean;
  /** Position to content: the query's position with the key. */
  readonly p2c: boolean;
  /** Whether positions are projected by the layer's own query and key. */
  readonly sharesKey: boolean;
  /** Whether a LayerNorm follows the table. */
  readonly isNormalized: boolean;
}

/** Over the embeddings, added to the first layer's output (v2-xlarge). */
export interface Convolution {
  readonly size: number;
  readonly activation: "gelu" | "tanh";
}

const MAX_POSITIONS_SIZE = 1 << 16;
const MAX_KERNEL = 31;

const positionTypes = v.union([v.string(), v.array(v.string())], 'a list of "c2p" and "p2c"');

const schema = v.looseObject(
  {
    ...encoderOnly,
    vocab_size: size,
    hidden_size: size,
    num_hidden_layers: wholeNumber(1, MAX_LAYERS),
    num_attention_heads: size,
    intermediate_size: size,
    // Absent or null below: the default of transformers' DebertaV2Config.
    embedding_size: v.nullish(size),
    max_position_embeddings: v.nullish(wholeNumber(MIN_POSITIONS, MAX_POSITIONS_SIZE), 512),
    type_vocab_size: v.nullish(wholeNumber(0), 0),
    layer_norm_eps: v.nullish(eps(), 1e-7),
    pad_token_id: v.nullish(wholeNumber(0), 0),
    hidden_act: erfGelu,
    relative_attention: v.nullish(v.boolean("true or false"), false),
    max_relative_positions: v.nullish(wholeNumber(-1, MAX_POSITIONS_SIZE), -1),
    position_buckets: v.nullish(wholeNumber(-1, MAX_POSITIONS_SIZE), -1),
    position_biased_input: v.nullish(v.boolean("true or false"), true),
    pos_att_type: v.nullish(positionTypes),
    share_att_key: v.nullish(v.boolean("true or false"), false),
    norm_rel_ebd: v.nullish(v.string('"layer_norm" or "none"'), "none"),
    conv_kernel_size: v.nullish(wholeNumber(0, MAX_KERNEL), 0),
    conv_act: v.nullish(v.picklist(["gelu", "tanh"], '"gelu" or "tanh"'), "tanh"),
    conv_groups: v.nullish(v.literal(1, "1: fusebert computes no grouped convolution"), 1),
  },
  "a whole number of at least 1",
);

type Fields = v.InferOutput<typeof schema>;

export function readConfig(object: JsonObject, fileName: string): DebertaConfig {
  const fields = readFields(schema, object, fileName, "a DeBERTa-v2 or v3");
  const relative = fields.relative_attention ? relativeAttention(fields, fileName) : undefined;
  const convolution = convolutionOf(fields, fileName);
  const config = {
    family: "deberta-v2",
    vocabSize: fields.vocab_size,
    hiddenSize: fields.hidden_size,
    embeddingSize: fields.embedding_size ?? fields.hidden_size,
    layers: fields.num_hidden_layers,
    heads: fields.num_attention_heads,
    intermediateSize: fields.intermediate_size,
    maxPositions: fields.max_position_embeddings,
    tokenTypes: fields.type_vocab_size,
    layerNormEps: fields.layer_norm_eps,
    padTokenId: fields.pad_token_id,
    biasedInput: fields.position_biased_input,
    ...(relative && { relative }),
    ...(convolution && { convolution }),
  } as const;
  checkTogether(config, fileName);
  return config;
}

function relativeAttention(fields: Fields, fileName: string): RelativeAttention {
  const written = fields.pos_att_type ?? [];
  const types = (typeof written === "string" ? written.toLowerCase().split("|") : written).map((type) => type.trim());
  const unknown = types.find((type) => type !== "c2p" && type !== "p2c" && type !== "");
  if (unknown !== undefined) throw unsupported(fileName, "pos_att_type", written, '"c2p", "p2c" or both');
  const maxDistance =
    fields.max_relative_positions > 0 ? fields.max_relative_positions : fields.max_position_embeddings;
  const buckets = fields.position_buckets > 0 ? fields.position_buckets : undefined;
  if (buckets !== undefined && (buckets < 4 || Math.floor(buckets / 2) >= maxDistance)) {
    throw unsupported(fileName, "position_buckets", buckets, `from 4 to ${2 * maxDistance - 1}, twice the distances`);
  }
  return {
    span: buckets ?? maxDistance,
    ...(buckets !== undefined && { buckets }),
    maxDistance,
    c2p: types.includes("c2p"),
    p2c: types.includes("p2c"),
    sharesKey: fields.share_att_key,
    isNormalized: fields.norm_rel_ebd.split("|").some((part) => part.trim() === "layer_norm"),
  };
}

function convolutionOf(fields: Fields, fileName: string): Convolution | undefined {
  if (fields.conv_kernel_size === 0) return undefined;
  if (fields.conv_kernel_size % 2 === 0) {
    throw unsupported(fileName, "conv_kernel_size", fields.conv_kernel_size, "an odd number");
  }
  return { size: fields.conv_kernel_size, activation: fields.conv_act };
}
