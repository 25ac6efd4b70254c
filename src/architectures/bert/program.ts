/**
 * BERT for question answering (Devlin et al., 2018) as a program of textbook operations.
 *
 * Shapes: `input_ids`, `token_type_ids`, `position_ids`, `attention_mask` and logits are [batch, sequence]; hidden
 * states are [batch, sequence, hidden]; attention scores and probabilities are [batch, heads, query, key].
 *
 * Must stay true: a masked key never reaches an exponent, a query whose keys are all masked gives zeros, not NaN, and
 * other implementations dump the same tensors under the same stage names.
 */

import {
  add,
  constant,
  gather,
  input,
  matmul,
  multiply,
  parameter,
  reshape,
  select,
  slice,
  transpose,
} from "../../program/build.ts";
import { dense, gelu, layerNorm, maskedSoftmax } from "../../program/layers.ts";
import type { Extent, Program, Value } from "../../program/program.ts";
import type { BertConfig } from "./config.ts";

/** The whole model; every stage is an output. */
export function bertForQuestionAnswering(config: BertConfig): Program {
  const stages = new Map<string, Value>();
  const mask = input("attention_mask", ["batch", "sequence"], "integer");
  let hidden = embeddings(config);
  stages.set("embeddings", hidden);
  for (let layer = 0; layer < config.layers; layer++) hidden = bertLayer(config, layer, hidden, mask, stages);
  questionAnsweringHead(config, hidden, stages);
  return { outputs: stages };
}

/** Word, token type and position embeddings, summed and normalised: [batch, sequence, hidden]. */
function embeddings(config: BertConfig): Value {
  const { hiddenSize } = config;
  const rows = (table: string, count: number, indices: string): Value =>
    gather(
      parameter(`embeddings.${table}.weight`, [count, hiddenSize]),
      input(indices, ["batch", "sequence"], "integer"),
    );
  const words = rows("word_embeddings", config.vocabSize, "input_ids");
  const types = rows("token_type_embeddings", config.tokenTypes, "token_type_ids");
  const positions = rows("position_embeddings", config.maxPositions, "position_ids");
  return layerNorm(add(add(words, types), positions), config.layerNormEps, "embeddings.LayerNorm");
}

/**
 * One encoder layer: self-attention, then the feed-forward network, each followed by its residual and LayerNorm.
 * Adds the layer's stages to `stages` and returns its output.
 * @param hidden [batch, queries, hidden]: the positions to compute.
 * @param mask [batch, keys]: 0 at masked keys.
 * @param keyStates [batch, keys, hidden]: the positions attended to; default: `hidden`.
 */
export function bertLayer(
  config: BertConfig,
  layer: number,
  hidden: Value,
  mask: Value,
  stages: Map<string, Value>,
  keyStates: Value = hidden,
): Value {
  const { hiddenSize, intermediateSize } = config;
  const name = `encoder.layer.${layer}`;
  const stage = (stageName: string, value: Value): Value => {
    stages.set(`layer.${layer}.${stageName}`, value);
    return value;
  };

  const query = stage("query", dense(hidden, `${name}.attention.self.query`, hiddenSize, hiddenSize));
  const key = stage("key", dense(keyStates, `${name}.attention.self.key`, hiddenSize, hiddenSize));
  const value = stage("value", dense(keyStates, `${name}.attention.self.value`, hiddenSize, hiddenSize));

  const [batch, keys] = mask.shape as [Extent, Extent];
  const keyMask = reshape(mask, [batch, 1, 1, keys]);
  const products = matmul(splitHeads(config, query), transpose(splitHeads(config, key), [0, 1, 3, 2]));
  const scaled = multiply(products, constant(1 / Math.sqrt(hiddenSize / config.heads)));
  // The mask is applied in the softmax; zero at masked keys makes the stage well-defined.
  const scores = stage("attention_scores", select(keyMask, scaled, constant(0)));
  const probabilities = stage("attention_probs", maskedSoftmax(scores, keyMask));
  const context = stage("context", mergeHeads(config, matmul(probabilities, splitHeads(config, value))));

  const attended = stage(
    "attention_output_dense",
    dense(context, `${name}.attention.output.dense`, hiddenSize, hiddenSize),
  );
  const attention = stage(
    "attention_output",
    layerNorm(add(attended, hidden), config.layerNormEps, `${name}.attention.output.LayerNorm`),
  );

  const widened = dense(attention, `${name}.intermediate.dense`, hiddenSize, intermediateSize);
  const intermediate = stage("intermediate", gelu(widened));
  const narrowed = stage("output_dense", dense(intermediate, `${name}.output.dense`, intermediateSize, hiddenSize));
  return stage("output", layerNorm(add(narrowed, attention), config.layerNormEps, `${name}.output.LayerNorm`));
}

/** Start and end logits, [batch, sequence]. */
function questionAnsweringHead(config: BertConfig, hidden: Value, stages: Map<string, Value>): void {
  const logits = dense(hidden, "qa_outputs", config.hiddenSize, 2);
  stages.set("start_logits", reshape(slice(logits, 2, 0, 1), ["batch", "sequence"]));
  stages.set("end_logits", reshape(slice(logits, 2, 1, 2), ["batch", "sequence"]));
}

/** [batch, sequence, hidden] → [batch, heads, sequence, head size]. */
function splitHeads(config: BertConfig, operand: Value): Value {
  const headSize = config.hiddenSize / config.heads;
  return transpose(reshape(operand, [...operand.shape.slice(0, 2), config.heads, headSize]), [0, 2, 1, 3]);
}

/** [batch, heads, sequence, head size] → [batch, sequence, hidden]. */
function mergeHeads(config: BertConfig, operand: Value): Value {
  const merged = transpose(operand, [0, 2, 1, 3]);
  return reshape(merged, [...merged.shape.slice(0, 2), config.hiddenSize]);
}
