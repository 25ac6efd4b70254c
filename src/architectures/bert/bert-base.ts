/** The configuration of BERT-base (Devlin et al., 2019). */
import type { BertConfig } from "./config.ts";

export const bertBase: BertConfig = {
  family: "bert",
  vocabSize: 30_522,
  hiddenSize: 768,
  layers: 12,
  heads: 12,
  intermediateSize: 3072,
  maxPositions: 512,
  tokenTypes: 2,
  layerNormEps: 1e-12,
  padTokenId: 0,
};
