/**
 * Disentangled attention (He et al., 2020): scores from content and relative positions.
 *
 * score(i, j) = (Qᵢ·Kⱼ + Qᵢ·PK[b] + Kⱼ·PQ[b]) / √(d · terms), with b the bucket of i − j. PK and PQ, the projected table of
 * relative positions, depend on parameters alone.
 */
import {
  add,
  constant,
  gather,
  matmul,
  multiply,
  parameter,
  reshape,
  slice,
  table,
  take,
  transpose,
} from "../../program/build.ts";
import { dense, layerNorm } from "../../program/layers.ts";
import type { Extent, Value } from "../../program/program.ts";
import type { LayerInputs } from "../architecture.ts";
import { distances, dotProducts } from "../layers/attention.ts";
import type { EncoderLayerNames } from "../layers/encoder-layer.ts";
import type { DebertaConfig, RelativeAttention } from "./config.ts";

/**
 * The row of the table of relative positions for a distance, query − key.
 *
 * Up to half of the buckets, a distance has its own; beyond, buckets grow logarithmically up to `maxDistance`. transformers
 * computes the logarithm in float32, where the ceiling of a rounded quotient may differ from the exact one.
 */
export function relativeRow(distance: number, { span, buckets, maxDistance }: RelativeAttention): number {
  const bucket = buckets === undefined ? distance : bucketOf(distance, buckets, maxDistance);
  return Math.min(Math.max(bucket + span, 0), 2 * span - 1);
}

function bucketOf(distance: number, buckets: number, maxDistance: number): number {
  const middle = Math.floor(buckets / 2);
  const length = Math.abs(distance);
  if (length <= middle) return distance;
  const numerator = Math.fround(Math.log(Math.fround(length / middle)));
  const denominator = Math.fround(Math.log(Math.fround((maxDistance - 1) / middle)));
  const position = Math.fround(Math.fround(numerator / denominator) * (middle - 1));
  return Math.sign(distance) * (Math.ceil(position) + middle);
}

/** The rows of all pairs of positions: [batch, 1, queries, keys]. */
function rowsOfPairs({ maxPositions }: DebertaConfig, relative: RelativeAttention, inputs: LayerInputs): Value {
  const count = 2 * maxPositions - 1;
  const rows = Float32Array.from({ length: count }, (_, index) => relativeRow(index - maxPositions + 1, relative));
  const places = add(distances(inputs), constant(maxPositions - 1, "integer"));
  const found = gather(table("relative_rows", [count, 1], rows, "integer"), places);
  return reshape(found, places.shape);
}

/** The table of relative positions, [2 · span, hidden], normalised where the model does so. */
function relativeTable({ hiddenSize, layerNormEps }: DebertaConfig, { span, isNormalized }: RelativeAttention): Value {
  const rows = parameter("encoder.rel_embeddings.weight", [2 * span, hiddenSize]);
  return isNormalized ? layerNorm(rows, layerNormEps, "encoder.LayerNorm") : rows;
}

/** [2 · span, hidden] → [heads, head size, 2 · span]. */
function headsOfTable(projected: Value, heads: number): Value {
  const [rows, hidden] = projected.shape as [number, number];
  return transpose(reshape(projected, [rows, heads, hidden / heads]), [1, 2, 0]);
}

/** Products that a score sums up: of content, and with positions. */
export function scoreTerms(relative: RelativeAttention | undefined): number {
  return 1 + Number(relative?.c2p ?? false) + Number(relative?.p2c ?? false);
}

/** The scores before the mask. */
export function disentangledScores(
  config: DebertaConfig,
  names: EncoderLayerNames & { readonly positionKey: string; readonly positionQuery: string },
  inputs: LayerInputs,
  query: Value,
  key: Value,
): Value {
  const { relative, hiddenSize, heads } = config;
  const headSize = hiddenSize / heads;
  const terms = scoreTerms(relative);
  let scores = dotProducts(query, key);
  if (relative !== undefined && terms > 1) {
    const rows = rowsOfPairs(config, relative, inputs);
    const positions = relativeTable(config, relative);
    const project = (name: string): Value => headsOfTable(dense(positions, name, hiddenSize, hiddenSize), heads);
    if (relative.c2p) scores = add(scores, take(matmul(query, project(names.positionKey)), rows));
    if (relative.p2c) {
      const byKey = take(matmul(key, project(names.positionQuery)), transpose(rows, [0, 1, 3, 2]));
      scores = add(scores, transpose(byKey, [0, 1, 3, 2]));
    }
  }
  return multiply(scores, constant(1 / Math.sqrt(headSize * terms)));
}

/** [batch, sequence] as [batch, sequence, 1], to multiply hidden states. */
export function columnOf(mask: Value): Value {
  const [batch, sequence] = mask.shape as [Extent, Extent];
  return reshape(mask, [batch, sequence, 1]);
}

/** The weights of one tap of a convolution, [outputs, inputs], from [outputs, inputs, taps]. */
export function tap(weight: Value, index: number): Value {
  const [outputs, inputs] = weight.shape as [number, number, number];
  return reshape(slice(weight, 2, index, index + 1), [outputs, inputs]);
}
