/** What a kernel may do otherwise: the hypotheses that `verify` tests. */
import type { Deviations } from "../deviation.ts";
import { encoderDeviations } from "../layers/encoder-deviations.ts";
import { type DistilBertConfig, layerNames } from "./index.ts";

export const distilbertDeviations: Deviations<DistilBertConfig> = (config, index) =>
  encoderDeviations(config, layerNames(index));
