/**
 * The encoder layer of BERT and its descendants: self-attention, then the feed-forward network, each followed by its
 * residual and LayerNorm. Families differ in the names of parameters, the activation, and what is added to the scores.
 */
import { add } from "../../program/build.ts";
import { dense, layerNorm } from "../../program/layers.ts";
import type { Value } from "../../program/program.ts";
import type { LayerInputs, ModelConfig, StageRecorder, StageShape } from "../architecture.ts";
import { denseParameters, extent, type NamedExtent, normParameters } from "../extents.ts";
import type { LayerModules, Part } from "../parts.ts";
import { attend, keyMaskOf, scaledDotProducts, splitHeads } from "./attention.ts";

/** Names of a layer's modules, with the layer's prefix. */
export interface EncoderLayerNames {
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly attentionOutput: string;
  readonly attentionNorm: string;
  readonly intermediate: string;
  readonly output: string;
  readonly outputNorm: string;
}

/** BERT's names; `prefix` ends without a dot. */
export const bertLayerNames = (prefix: string): EncoderLayerNames => ({
  query: `${prefix}.attention.self.query`,
  key: `${prefix}.attention.self.key`,
  value: `${prefix}.attention.self.value`,
  attentionOutput: `${prefix}.attention.output.dense`,
  attentionNorm: `${prefix}.attention.output.LayerNorm`,
  intermediate: `${prefix}.intermediate.dense`,
  output: `${prefix}.output.dense`,
  outputNorm: `${prefix}.output.LayerNorm`,
});

/** What each module of a layer is. @param prefix of the names, with the dot after it. */
export function encoderModules(names: EncoderLayerNames, prefix: string): LayerModules {
  const modules: [keyof EncoderLayerNames, Part, string][] = [
    ["query", "query, key, value", "query"],
    ["key", "query, key, value", "key"],
    ["value", "query, key, value", "value"],
    ["attentionOutput", "attention output", "attention_output_dense"],
    ["attentionNorm", "attention LayerNorm", "attention_output"],
    ["intermediate", "intermediate", "intermediate"],
    ["output", "output", "output_dense"],
    ["outputNorm", "output LayerNorm", "output"],
  ];
  return new Map(modules.map(([module, part, stage]) => [names[module].slice(prefix.length), { part, stage }]));
}

/** Fields of config.json that the extents come from. */
export interface EncoderFields {
  readonly hidden: string;
  readonly intermediate: string;
}

export const bertFields: EncoderFields = { hidden: "hidden_size", intermediate: "intermediate_size" };

export function encoderLayerParameters(
  { hiddenSize, intermediateSize }: ModelConfig,
  names: EncoderLayerNames,
  fields: EncoderFields = bertFields,
): [string, readonly NamedExtent[]][] {
  const hidden = extent(fields.hidden, hiddenSize);
  const intermediate = extent(fields.intermediate, intermediateSize);
  return [
    ...denseParameters(names.query, hidden, hidden),
    ...denseParameters(names.key, hidden, hidden),
    ...denseParameters(names.value, hidden, hidden),
    ...denseParameters(names.attentionOutput, hidden, hidden),
    ...normParameters(names.attentionNorm, hidden),
    ...denseParameters(names.intermediate, intermediate, hidden),
    ...denseParameters(names.output, hidden, intermediate),
    ...normParameters(names.outputNorm, hidden),
  ];
}

/** The stages in order of computation. */
export const encoderLayerStages = [
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

export type EncoderLayerStage = (typeof encoderLayerStages)[number];

export function encoderStageShapes({ hiddenSize, intermediateSize }: ModelConfig): ReadonlyMap<string, StageShape> {
  const shapeOf = (stage: string): StageShape => {
    if (stage === "attention_scores" || stage === "attention_probs") return "scores";
    return stage === "intermediate" ? intermediateSize : hiddenSize;
  };
  return new Map(encoderLayerStages.map((stage) => [stage, shapeOf(stage)]));
}

/** Scores before the mask, from query and key of each head, [batch, heads, sequence, head size]. */
export type ScoreFunction = (query: Value, key: Value) => Value;

export interface EncoderLayerOptions {
  readonly names: EncoderLayerNames;
  readonly activation: (operand: Value) => Value;
  /** Default: query · keyᵀ / √(head size). */
  readonly scores?: ScoreFunction;
}

/** The layer's output, [batch, queries, hidden]. */
export function encoderLayer(
  { hiddenSize, intermediateSize, heads, layerNormEps }: ModelConfig,
  { names, activation, scores = scaledDotProducts }: EncoderLayerOptions,
  inputs: LayerInputs,
  stage: StageRecorder,
): Value {
  const { hidden, keyStates } = inputs;
  const query = stage("query", dense(hidden, names.query, hiddenSize, hiddenSize));
  const key = stage("key", dense(keyStates, names.key, hiddenSize, hiddenSize));
  const value = stage("value", dense(keyStates, names.value, hiddenSize, hiddenSize));

  const attention = {
    scores: scores(splitHeads(query, heads), splitHeads(key, heads)),
    value,
    heads,
    mask: keyMaskOf(inputs),
  };
  const context = attend(attention, stage);
  const attended = stage("attention_output_dense", dense(context, names.attentionOutput, hiddenSize, hiddenSize));
  const attentionOutput = stage(
    "attention_output",
    layerNorm(add(attended, hidden), layerNormEps, names.attentionNorm),
  );

  const widened = dense(attentionOutput, names.intermediate, hiddenSize, intermediateSize);
  const intermediate = stage("intermediate", activation(widened));
  const narrowed = stage("output_dense", dense(intermediate, names.output, intermediateSize, hiddenSize));
  return stage("output", layerNorm(add(narrowed, attentionOutput), layerNormEps, names.outputNorm));
}
