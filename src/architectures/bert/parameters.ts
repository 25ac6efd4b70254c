/**
 * The parameters of a BERT question-answering model: canonical names and shapes.
 *
 * A canonical name is the parameter's name in transformers' `BertForQuestionAnswering`, without the prefix `bert.`.
 * Weights are [out, in], row-major, as in PyTorch's Linear.
 *
 * Must stay true: shapes are given as fields of `config.json`, so that an error can name the contradicting field.
 */
import type { BertConfig } from "./config.ts";

/** The source of one extent of a shape: a field of `config.json`, or the two logits. */
export type Extent =
  | "vocab_size"
  | "hidden_size"
  | "intermediate_size"
  | "max_position_embeddings"
  | "type_vocab_size"
  | 2;

/** Rows of `qa_outputs`: start logit and end logit. */
export const QA_LABELS = 2;

const HIDDEN: readonly Extent[] = ["hidden_size"];
const SQUARE: readonly Extent[] = ["hidden_size", "hidden_size"];

const EMBEDDINGS: readonly [string, readonly Extent[]][] = [
  ["embeddings.word_embeddings.weight", ["vocab_size", "hidden_size"]],
  ["embeddings.position_embeddings.weight", ["max_position_embeddings", "hidden_size"]],
  ["embeddings.token_type_embeddings.weight", ["type_vocab_size", "hidden_size"]],
  ["embeddings.LayerNorm.weight", HIDDEN],
  ["embeddings.LayerNorm.bias", HIDDEN],
];

const LAYER: readonly [string, readonly Extent[]][] = [
  ["attention.self.query.weight", SQUARE],
  ["attention.self.query.bias", HIDDEN],
  ["attention.self.key.weight", SQUARE],
  ["attention.self.key.bias", HIDDEN],
  ["attention.self.value.weight", SQUARE],
  ["attention.self.value.bias", HIDDEN],
  ["attention.output.dense.weight", SQUARE],
  ["attention.output.dense.bias", HIDDEN],
  ["attention.output.LayerNorm.weight", HIDDEN],
  ["attention.output.LayerNorm.bias", HIDDEN],
  ["intermediate.dense.weight", ["intermediate_size", "hidden_size"]],
  ["intermediate.dense.bias", ["intermediate_size"]],
  ["output.dense.weight", ["hidden_size", "intermediate_size"]],
  ["output.dense.bias", HIDDEN],
  ["output.LayerNorm.weight", HIDDEN],
  ["output.LayerNorm.bias", HIDDEN],
];

const HEAD: readonly [string, readonly Extent[]][] = [
  ["qa_outputs.weight", [QA_LABELS, "hidden_size"]],
  ["qa_outputs.bias", [QA_LABELS]],
];

/** The parameters of a model with `layers` layers, in order of computation. */
export function parameterExtents(layers: number): Map<string, readonly Extent[]> {
  const parameters = new Map(EMBEDDINGS);
  for (let layer = 0; layer < layers; layer++) {
    for (const [name, extents] of LAYER) parameters.set(`encoder.layer.${layer}.${name}`, extents);
  }
  for (const [name, extents] of HEAD) parameters.set(name, extents);
  return parameters;
}

/** An extent's size in a configuration. */
export function extentOf(extent: Extent, config: BertConfig): number {
  switch (extent) {
    case "vocab_size":
      return config.vocabSize;
    case "hidden_size":
      return config.hiddenSize;
    case "intermediate_size":
      return config.intermediateSize;
    case "max_position_embeddings":
      return config.maxPositions;
    case "type_vocab_size":
      return config.tokenTypes;
    default:
      return extent;
  }
}

/** Shapes by canonical name, in order of computation. */
export function expectedParameters(config: BertConfig): Map<string, readonly number[]> {
  const shapes = [...parameterExtents(config.layers)].map(
    ([name, extents]) => [name, extents.map((extent) => extentOf(extent, config))] as const,
  );
  return new Map(shapes);
}

/**
 * The canonical name of a stored tensor. Removes the prefixes of PyTorch's wrappers (`module.` of DataParallel,
 * `_orig_mod.` of torch.compile) and one `bert.`; renames a LayerNorm's `gamma` and `beta`, from TensorFlow, to
 * `weight` and `bias`.
 */
export function canonicalName(stored: string): string {
  return stored
    .replace(/^(?:module\.|_orig_mod\.)*(?:bert\.)?/, "")
    .replace(/LayerNorm\.gamma$/, "LayerNorm.weight")
    .replace(/LayerNorm\.beta$/, "LayerNorm.bias");
}

/** Biases may be zero, and embeddings of token types that never occurred in training. */
export const mayBeZero = (name: string): boolean => !name.endsWith(".weight") || name.includes("token_type_embeddings");
