/** What a kernel may do otherwise: the hypotheses that `verify` tests. */
import { layerPrefix } from "../bert/parameters.ts";
import type { Deviations } from "../deviation.ts";
import { encoderDeviations } from "../layers/encoder-deviations.ts";
import { bertLayerNames } from "../layers/encoder-layer.ts";
import type { RobertaConfig } from "./index.ts";

export const robertaDeviations: Deviations<RobertaConfig> = (config, index) =>
  encoderDeviations(config, bertLayerNames(layerPrefix(index)));
