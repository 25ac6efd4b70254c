/**
 * ModernBERT (Warner et al., 2024): LayerNorm before attention and feed-forward, rotary positions, a gated feed-forward, and
 * in most layers attention within a sliding window.
 */
import { add, constant, less, maximum, multiply, slice, subtract } from "../../program/build.ts";
import { dense, gelu, layerNorm, linear, scaledNorm } from "../../program/layers.ts";
import type { Value } from "../../program/program.ts";
import type { Architecture, LayerInputs, StageRecorder, StageShape } from "../architecture.ts";
import { denseParameters, extent, fixed, type NamedExtent, type ParameterShapes, QA_LABELS } from "../extents.ts";
import { attend, distances, keyMaskOf, scaledDotProducts, splitHeads } from "../layers/attention.ts";
import { embedding, questionAnsweringModel } from "../layers/model.ts";
import type { LayerModule, LayerModules } from "../parts.ts";
import { type ModernBertConfig, readConfig } from "./config.ts";
import { rotate } from "./rotary.ts";

function parameters(config: ModernBertConfig): ParameterShapes {
  const hidden = extent("hidden_size", config.hiddenSize);
  const joined = extent("3 · hidden_size", 3 * config.hiddenSize);
  const intermediate = extent("intermediate_size", config.intermediateSize);
  const gated = extent("2 · intermediate_size", 2 * config.intermediateSize);
  const module = (
    name: string,
    outputs: NamedExtent,
    inputs: readonly NamedExtent[],
    hasBias: boolean,
  ): [string, readonly NamedExtent[]][] => [
    [`${name}.weight`, [outputs, ...inputs]],
    ...(hasBias ? [[`${name}.bias`, [outputs]] as [string, readonly NamedExtent[]]] : []),
  ];
  const norm = (name: string) => module(name, hidden, [], config.normBias);
  const layerParameters = (layer: number) => [
    ...(layer === 0 ? [] : norm(`layers.${layer}.attn_norm`)),
    ...module(`layers.${layer}.attn.Wqkv`, joined, [hidden], config.attentionBias),
    ...module(`layers.${layer}.attn.Wo`, hidden, [hidden], config.attentionBias),
    ...norm(`layers.${layer}.mlp_norm`),
    ...module(`layers.${layer}.mlp.Wi`, gated, [hidden], config.mlpBias),
    ...module(`layers.${layer}.mlp.Wo`, hidden, [intermediate], config.mlpBias),
  ];
  return new Map<string, readonly NamedExtent[]>([
    ["embeddings.tok_embeddings.weight", [extent("vocab_size", config.vocabSize), hidden]],
    ...norm("embeddings.norm"),
    ...Array.from({ length: config.layers }, (_, layer) => layerParameters(layer)).flat(),
    ...norm("final_norm"),
    ...module("head.dense", hidden, [hidden], config.classifierBias),
    ...norm("head.norm"),
    ...denseParameters("classifier", fixed(QA_LABELS), hidden),
  ]);
}

function normalize(config: ModernBertConfig, operand: Value, name: string): Value {
  return (config.normBias ? layerNorm : scaledNorm)(operand, config.layerNormEps, name);
}

function embeddings(config: ModernBertConfig): Value {
  const words = embedding("embeddings.tok_embeddings", config.vocabSize, config.hiddenSize, "input_ids");
  return normalize(config, words, "embeddings.norm");
}

/** 1 for the keys that a query may attend to: those of its sequence, within the layer's window. */
function visibleKeys(window: number | undefined, inputs: LayerInputs): Value {
  const mask = keyMaskOf(inputs);
  if (window === undefined) return mask;
  const distance = distances(inputs);
  const length = maximum(distance, subtract(constant(0, "integer"), distance));
  return multiply(mask, less(length, constant(window + 1, "integer")));
}

function layer(config: ModernBertConfig, index: number, inputs: LayerInputs, stage: StageRecorder): Value {
  const { hiddenSize, intermediateSize, heads, maxPositions } = config;
  const { window, ropeTheta } = config.layerAttention[index] ?? { ropeTheta: 10_000 };
  const project = (operand: Value, name: string, inputSize: number, outputSize: number, hasBias: boolean): Value =>
    (hasBias ? dense : linear)(operand, name, inputSize, outputSize);
  const attentionNorm = (operand: Value): Value =>
    index === 0 ? operand : normalize(config, operand, `layers.${index}.attn_norm`);

  const wide = (operand: Value): Value =>
    project(operand, `layers.${index}.attn.Wqkv`, hiddenSize, 3 * hiddenSize, config.attentionBias);
  const normalized = stage("attention_norm", attentionNorm(inputs.hidden));
  const fromQueries = wide(normalized);
  const fromKeys = inputs.keyStates === inputs.hidden ? fromQueries : wide(attentionNorm(inputs.keyStates));
  const part = (operand: Value, place: number): Value =>
    slice(operand, 2, place * hiddenSize, (place + 1) * hiddenSize);
  const query = stage("query", part(fromQueries, 0));
  const key = stage("key", part(fromKeys, 1));
  const value = stage("value", part(fromKeys, 2));
  const rotatedQuery = rotate(splitHeads(query, heads), inputs.queryIndices, ropeTheta, maxPositions);
  const rotatedKey = rotate(splitHeads(key, heads), inputs.keyIndices, ropeTheta, maxPositions);
  const scores = scaledDotProducts(stage("query_rotated", rotatedQuery), stage("key_rotated", rotatedKey));
  const context = attend({ scores, value, heads, mask: visibleKeys(window, inputs) }, stage);
  const attended = stage(
    "attention_output_dense",
    project(context, `layers.${index}.attn.Wo`, hiddenSize, hiddenSize, config.attentionBias),
  );
  const attentionOutput = stage("attention_output", add(inputs.hidden, attended));

  const mlpInput = stage("mlp_norm", normalize(config, attentionOutput, `layers.${index}.mlp_norm`));
  const both = project(mlpInput, `layers.${index}.mlp.Wi`, hiddenSize, 2 * intermediateSize, config.mlpBias);
  const [activated, gate] = [
    gelu(slice(both, 2, 0, intermediateSize)),
    slice(both, 2, intermediateSize, 2 * intermediateSize),
  ];
  const intermediate = stage("intermediate", multiply(activated, gate));
  const narrowed = stage(
    "output_dense",
    project(intermediate, `layers.${index}.mlp.Wo`, intermediateSize, hiddenSize, config.mlpBias),
  );
  return stage("output", add(attentionOutput, narrowed));
}

function logits(config: ModernBertConfig, hidden: Value): Value {
  const { hiddenSize, classifierBias } = config;
  const last = normalize(config, hidden, "final_norm");
  const projected = (classifierBias ? dense : linear)(last, "head.dense", hiddenSize, hiddenSize);
  return dense(normalize(config, gelu(projected), "head.norm"), "classifier", hiddenSize, QA_LABELS);
}

function layerStages({ hiddenSize, intermediateSize }: ModernBertConfig): ReadonlyMap<string, StageShape> {
  return new Map<string, StageShape>([
    ["attention_norm", hiddenSize],
    ["query", hiddenSize],
    ["key", hiddenSize],
    ["value", hiddenSize],
    ["query_rotated", "heads"],
    ["key_rotated", "heads"],
    ["attention_scores", "scores"],
    ["attention_probs", "scores"],
    ["context", hiddenSize],
    ["attention_output_dense", hiddenSize],
    ["attention_output", hiddenSize],
    ["mlp_norm", hiddenSize],
    ["intermediate", intermediateSize],
    ["output_dense", hiddenSize],
    ["output", hiddenSize],
  ]);
}

const modules: LayerModules = new Map<string, LayerModule>([
  ["attn_norm", { part: "input LayerNorm", stage: "attention_norm" }],
  ["attn.Wqkv", { part: "query, key, value" }],
  ["attn.Wo", { part: "attention output", stage: "attention_output_dense" }],
  ["mlp_norm", { part: "attention LayerNorm", stage: "mlp_norm" }],
  ["mlp.Wi", { part: "intermediate" }],
  ["mlp.Wo", { part: "output", stage: "output_dense" }],
]);

export const modernbert: Architecture<ModernBertConfig> = {
  family: "modernbert",
  prefix: "model.",
  head: "classifier",
  beforeHead: ["final_norm", "head.dense", "head.norm"],
  readConfig,
  parameters,
  layerField: "num_hidden_layers",
  layerParameter: /^layers\.(\d+)\./,
  modules,
  program: (config) => questionAnsweringModel(config, { embeddings, layer, logits }),
  layer,
  layerStages,
};
