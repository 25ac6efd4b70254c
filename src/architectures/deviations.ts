/**
 * What a kernel may do otherwise than a layer of its family: the hypotheses that `verify` tests. Apart from the families'
 * objects, for whoever only computes needs none of them.
 */

import { albertDeviations } from "./albert/deviations.ts";
import type { FamilyName, ModelConfig } from "./architecture.ts";
import { bertDeviations } from "./bert/deviations.ts";
import { debertaDeviations } from "./deberta-v2/deviations.ts";
import type { Deviation, Deviations } from "./deviation.ts";
import { distilbertDeviations } from "./distilbert/deviations.ts";
import { electraDeviations } from "./electra/deviations.ts";
import { architectureOf } from "./families.ts";
import { scale } from "./layers/attention-deviations.ts";
import { modernBertDeviations } from "./modernbert/deviations.ts";
import { mpnetDeviations } from "./mpnet/deviations.ts";
import { robertaDeviations } from "./roberta/deviations.ts";

export type { Deviation } from "./deviation.ts";

const families = {
  albert: albertDeviations,
  bert: bertDeviations,
  "deberta-v2": debertaDeviations,
  distilbert: distilbertDeviations,
  electra: electraDeviations,
  mpnet: mpnetDeviations,
  roberta: robertaDeviations,
  modernbert: modernBertDeviations,
} satisfies Record<FamilyName, unknown>;

/** Hypotheses about a layer, in order of application. */
export function deviationsOf(config: ModelConfig, layer: number): readonly Deviation[] {
  // A configuration's family says which function takes it.
  const deviations = families[config.family] as Deviations<never>;
  return deviations(config as never, layer);
}

/** The deviation that multiplies the scores by a factor of any size. */
export function scaleDeviation(config: ModelConfig, id: string, factor: number, words: string): Deviation {
  return scale(config, id, factor, words, architectureOf(config).scoreTerms?.(config));
}
