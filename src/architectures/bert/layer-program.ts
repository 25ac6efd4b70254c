/** Programs of a single encoder layer, for verification. */

import { input } from "../../program/build.ts";
import type { Program, Value } from "../../program/program.ts";
import type { BertConfig } from "./config.ts";
import { bertLayer } from "./program.ts";

/** The stages of a layer in order of computation. */
export const layerStages = [
  "query",
  "key",
  "value",
  "attention_scores",
  "attention_probs",
  "context",
  "attention_output_dense",
  "attention_output",
  "intermediate",
  "output_dense",
  "output",
] as const;

export type LayerStage = (typeof layerStages)[number];

export const stageName = (layer: number, stage: LayerStage): string => `layer.${layer}.${stage}`;

/**
 * The layer as engines run it; every stage is an output. Inputs: `hidden_states` [batch, sequence, hidden] and
 * `attention_mask` [batch, sequence].
 */
export function layerProgram(config: BertConfig, layer: number): Program {
  const stages = new Map<string, Value>();
  const hidden = input("hidden_states", ["batch", "sequence", config.hiddenSize], "real");
  bertLayer(config, layer, hidden, input("attention_mask", ["batch", "sequence"], "integer"), stages);
  return { outputs: stages };
}

/**
 * The layer as a diagnosis runs it. The positions attended to are a separate input, `key_states` [batch, keys, hidden],
 * and the mask is [batch, keys]: an output row depends on all keys but no other row, so a diagnosis may pass fewer
 * `hidden_states`.
 */
export function layerProgramWithKeys(config: BertConfig, layer: number): Program {
  const stages = new Map<string, Value>();
  const hidden = input("hidden_states", ["batch", "sequence", config.hiddenSize], "real");
  const keys = input("key_states", ["batch", "keys", config.hiddenSize], "real");
  bertLayer(config, layer, hidden, input("attention_mask", ["batch", "keys"], "integer"), stages, keys);
  return { outputs: stages };
}
