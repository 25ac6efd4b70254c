/** What a kernel may do otherwise: the hypotheses that `verify` tests. */
import type { Deviations } from "../deviation.ts";
import { encoderDeviations } from "../layers/encoder-deviations.ts";
import type { DebertaConfig } from "./config.ts";
import { layerNames } from "./index.ts";
import { scoreTerms } from "./relative.ts";

export const debertaDeviations: Deviations<DebertaConfig> = (config, index) =>
  encoderDeviations(config, layerNames(config, index), { scoreTerms: scoreTerms(config.relative) });
