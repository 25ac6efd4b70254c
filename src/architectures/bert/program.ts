/**
 * BERT for question answering (Devlin et al., 2018) as a program of textbook operations.
 *
 * Must stay true: other implementations dump the same tensors under the same stage names.
 */

import { gelu, layerNorm } from "../../program/layers.ts";
import type { Program, Value } from "../../program/program.ts";
import type { LayerInputs, ModelConfig, StageRecorder } from "../architecture.ts";
import { bertLayerNames, encoderLayer } from "../layers/encoder-layer.ts";
import { embedding, questionAnsweringModel, sumOf } from "../layers/model.ts";
import { layerPrefix } from "./parameters.ts";

/** The whole model; every stage is an output. */
export function bertForQuestionAnswering(config: ModelConfig): Program {
  return questionAnsweringModel(config, { embeddings, layer: bertLayer });
}

/** Word, token type and position embeddings, summed and normalised. */
function embeddings({ vocabSize, tokenTypes, maxPositions, hiddenSize, layerNormEps }: ModelConfig): Value {
  const tables = [
    embedding("embeddings.word_embeddings", vocabSize, hiddenSize, "input_ids"),
    embedding("embeddings.token_type_embeddings", tokenTypes, hiddenSize, "token_type_ids"),
    embedding("embeddings.position_embeddings", maxPositions, hiddenSize, "position_ids"),
  ];
  return layerNorm(sumOf(tables), layerNormEps, "embeddings.LayerNorm");
}

export function bertLayer(config: ModelConfig, layer: number, inputs: LayerInputs, stage: StageRecorder): Value {
  return encoderLayer(config, { names: bertLayerNames(layerPrefix(layer)), activation: gelu }, inputs, stage);
}
