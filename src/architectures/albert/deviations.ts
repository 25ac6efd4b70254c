/** What a kernel may do otherwise: the hypotheses that `verify` tests. */
import type { Deviations } from "../deviation.ts";
import { encoderDeviations } from "../layers/encoder-deviations.ts";
import { type AlbertConfig, layerNames } from "./index.ts";

export const albertDeviations: Deviations<AlbertConfig> = (config, index) =>
  encoderDeviations(config, layerNames(config, index), { gelu: config.activation === "gelu" ? "erf" : "tanh" });
