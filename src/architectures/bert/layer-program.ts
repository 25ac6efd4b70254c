/**
 * One encoder layer as a program of its own: the thing that is verified.
 */

import { input } from "../../program/build.ts";
import type { Program, Value } from "../../program/program.ts";
import type { BertConfig } from "./config.ts";
import { bertLayer } from "./program.ts";

/** The stages of a layer in the order they are computed. */
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
 * The layer as engines run it, with every stage among its outputs. Inputs: `hidden_states` [batch, sequence, hidden] and
 * `attention_mask` [batch, sequence].
 */
export function layerProgram(config: BertConfig, layer: number): Program {
  const stages = new Map<string, Value>();
  const hidden = input("hidden_states", ["batch", "sequence", config.hiddenSize], "real");
  bertLayer(config, layer, hidden, input("attention_mask", ["batch", "sequence"], "integer"), stages);
  return { outputs: stages };
}

/**
 * The layer as a diagnosis runs it. The positions attended to are an input of their own, `key_states`
 * [batch, keys, hidden], and the mask is [batch, keys]: an output row costs all keys but no other row, so that a diagnosis
 * may ask for fewer `hidden_states`.
 */
export function layerProgramWithKeys(config: BertConfig, layer: number): Program {
  const stages = new Map<string, Value>();
  const hidden = input("hidden_states", ["batch", "sequence", config.hiddenSize], "real");
  const keys = input("key_states", ["batch", "keys", config.hiddenSize], "real");
  bertLayer(config, layer, hidden, input("attention_mask", ["batch", "keys"], "integer"), stages, keys);
  return { outputs: stages };
}
