/**
 * A whole question-answering model from a family's parts: embeddings, layers, head.
 *
 * Shapes: inputs and logits are [batch, sequence]; hidden states are [batch, sequence, hidden].
 */
import { add, gather, input, parameter, reshape, slice } from "../../program/build.ts";
import { dense } from "../../program/layers.ts";
import type { Program, Value } from "../../program/program.ts";
import type { Architecture, LayerInputs, ModelConfig, StageRecorder } from "../architecture.ts";

export const sequenceInput = (name: string): Value => input(name, ["batch", "sequence"], "integer");

export interface ModelParts<C extends ModelConfig> {
  /** Without the LayerNorm's stage: [batch, sequence, hidden]. @param mask 0 at padding. */
  readonly embeddings: (config: C, mask: Value) => Value;
  readonly layer: Architecture<C>["layer"];
  /** Applied after a layer: the convolution of DeBERTa, the last LayerNorm of ModernBERT. */
  readonly afterLayer?: (config: C, layer: number, around: AroundLayer) => Value;
  /** Default: the dense layer `qa_outputs`. */
  readonly logits?: (config: C, hidden: Value) => Value;
}

/** What is at hand after a layer. */
export interface AroundLayer {
  /** The layer's output. */
  readonly hidden: Value;
  readonly embeddings: Value;
  readonly mask: Value;
  /** The index of each token in its sequence. */
  readonly indices: Value;
}

/** The stages `embeddings`, those of each layer, `start_logits` and `end_logits`. */
export function questionAnsweringModel<C extends ModelConfig>(config: C, parts: ModelParts<C>): Program {
  const stages = new Map<string, Value>();
  const mask = sequenceInput("attention_mask");
  const indices = sequenceInput("token_indices");
  const embedded = parts.embeddings(config, mask);
  stages.set("embeddings", embedded);
  let hidden = embedded;
  for (let layer = 0; layer < config.layers; layer++) {
    const inputs = { hidden, mask, keyStates: hidden, queryIndices: indices, keyIndices: indices };
    const output = parts.layer(config, layer, inputs, recorder(stages, layer));
    hidden = parts.afterLayer?.(config, layer, { hidden: output, embeddings: embedded, mask, indices }) ?? output;
    if (hidden !== output) stages.set(`layer.${layer}.output`, hidden);
  }
  const logits = parts.logits?.(config, hidden) ?? dense(hidden, "qa_outputs", config.hiddenSize, 2);
  stages.set("start_logits", reshape(slice(logits, 2, 0, 1), ["batch", "sequence"]));
  stages.set("end_logits", reshape(slice(logits, 2, 1, 2), ["batch", "sequence"]));
  return { outputs: stages };
}

/** Records stages as `layer.N.stage`. */
export function recorder(stages: Map<string, Value>, layer: number): StageRecorder {
  return (stage, value) => {
    stages.set(`layer.${layer}.${stage}`, value);
    return value;
  };
}

/** The sum of the tables' rows, from left to right. */
export const sumOf = (terms: readonly Value[]): Value => terms.reduce(add);

/** Rows of an embedding table by the indices of an input. */
export function embedding(name: string, rows: number, width: number, indices: string): Value {
  return gather(parameter(`${name}.weight`, [rows, width]), sequenceInput(indices));
}

/** The first row of a table of token types, where every token has type 0: [width]. */
export function firstType(name: string, rows: number, width: number): Value {
  const table = parameter(`${name}.weight`, [rows, width]);
  return reshape(rows === 1 ? table : slice(table, 0, 0, 1), [width]);
}

/** A layer alone, as engines run it. */
export function layerInputs(hiddenSize: number): LayerInputs {
  const hidden = input("hidden_states", ["batch", "sequence", hiddenSize], "real");
  const indices = sequenceInput("token_indices");
  return {
    hidden,
    mask: sequenceInput("attention_mask"),
    keyStates: hidden,
    queryIndices: indices,
    keyIndices: indices,
  };
}
