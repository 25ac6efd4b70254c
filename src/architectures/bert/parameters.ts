/**
 * The parameters of BERT: canonical names and shapes.
 *
 * A canonical name is the parameter's name in transformers' `BertForQuestionAnswering`, without the prefix `bert.`.
 * Weights are [out, in], row-major, as in PyTorch's Linear.
 */
import type { ModelConfig } from "../architecture.ts";
import {
  denseParameters,
  extent,
  fixed,
  type NamedExtent,
  normParameters,
  type ParameterShapes,
  QA_LABELS,
} from "../extents.ts";
import { bertLayerNames, encoderLayerParameters } from "../layers/encoder-layer.ts";

/** The path of a layer's parameters. */
export const layerPrefix = (layer: number): string => `encoder.layer.${layer}`;

export function bertParameters(config: ModelConfig): ParameterShapes {
  const hidden = extent("hidden_size", config.hiddenSize);
  return new Map<string, readonly NamedExtent[]>([
    ["embeddings.word_embeddings.weight", [extent("vocab_size", config.vocabSize), hidden]],
    ["embeddings.position_embeddings.weight", [extent("max_position_embeddings", config.maxPositions), hidden]],
    ["embeddings.token_type_embeddings.weight", [extent("type_vocab_size", config.tokenTypes), hidden]],
    ...normParameters("embeddings.LayerNorm", hidden),
    ...Array.from({ length: config.layers }, (_, layer) => {
      return encoderLayerParameters(config, bertLayerNames(layerPrefix(layer)));
    }).flat(),
    ...denseParameters("qa_outputs", fixed(QA_LABELS), hidden),
  ]);
}
