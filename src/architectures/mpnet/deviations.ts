/** What a kernel may do otherwise: the hypotheses that `verify` tests. */
import type { Deviations } from "../deviation.ts";
import { encoderDeviations } from "../layers/encoder-deviations.ts";
import { layerNames, type MpnetConfig } from "./index.ts";

export const mpnetDeviations: Deviations<MpnetConfig> = (config, index) => encoderDeviations(config, layerNames(index));
