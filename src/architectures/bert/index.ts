/** BERT (Devlin et al., 2018): also MiniLM, multilingual BERT and others that differ in size and vocabulary alone. */
import type { Architecture } from "../architecture.ts";
import { bertLayerNames, encoderModules, encoderStageShapes } from "../layers/encoder-layer.ts";
import { type BertConfig, readConfig } from "./config.ts";
import { bertParameters, layerPrefix } from "./parameters.ts";
import { bertForQuestionAnswering, bertLayer } from "./program.ts";

export const bert: Architecture<BertConfig> = {
  family: "bert",
  prefix: "bert.",
  head: "qa_outputs",
  readConfig,
  parameters: bertParameters,
  layerField: "num_hidden_layers",
  layerParameter: /^encoder\.layer\.(\d+)\./,
  modules: encoderModules(bertLayerNames(layerPrefix(0)), `${layerPrefix(0)}.`),
  program: bertForQuestionAnswering,
  layer: bertLayer,
  layerStages: encoderStageShapes,
};
