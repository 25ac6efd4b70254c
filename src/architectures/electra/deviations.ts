/** What a kernel may do otherwise: the hypotheses that `verify` tests. */
import { layerPrefix } from "../bert/parameters.ts";
import type { Deviations } from "../deviation.ts";
import { encoderDeviations } from "../layers/encoder-deviations.ts";
import { bertLayerNames } from "../layers/encoder-layer.ts";
import type { ElectraConfig } from "./index.ts";

export const electraDeviations: Deviations<ElectraConfig> = (config, index) =>
  encoderDeviations(config, bertLayerNames(layerPrefix(index)));
