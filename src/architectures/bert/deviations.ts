/** What a kernel may do otherwise: the hypotheses that `verify` tests. */
import type { Deviations } from "../deviation.ts";
import { encoderDeviations } from "../layers/encoder-deviations.ts";
import { bertLayerNames } from "../layers/encoder-layer.ts";
import type { BertConfig } from "./config.ts";
import { layerPrefix } from "./parameters.ts";

export const bertDeviations: Deviations<BertConfig> = (config, layer) =>
  encoderDeviations(config, bertLayerNames(layerPrefix(layer)));
