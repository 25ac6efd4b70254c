/** Deviations of a kernel from ModernBERT's layer: the hypotheses that a diagnosis tests. */
import { elementwiseOperands, matchGelu } from "../../program/patterns.ts";
import { maskedFactor } from "../../rewrites/assume-unmasked.ts";
import { rewrite } from "../../rewrites/rewrite.ts";
import type { Deviation } from "../deviation.ts";
import { maskDeviations, scales, splitHeadsOtherWay } from "../layers/attention-deviations.ts";
import { activations, epsilons, withoutNormParameters } from "../layers/encoder-deviations.ts";
import type { ModernBertConfig } from "./config.ts";
import { matchRotation } from "./rotary.ts";

/** In order of application. */
export function modernBertDeviations(config: ModernBertConfig, layer: number): Deviation[] {
  const hasNorm = (norm: string) => norm !== "attn_norm" || layer > 0;
  const norms = [
    ["attn_norm", "attention", "the attention's LayerNorm"],
    ["mlp_norm", "mlp", "the feed-forward network's LayerNorm"],
  ] as const;
  return [
    noRotation,
    noGate,
    splitHeadsOtherWay(),
    ...(config.layerAttention[layer]?.window === undefined ? [] : [noWindow]),
    ...maskDeviations(),
    ...scales(config),
    ...activations("erf"),
    ...epsilons(config),
    ...norms
      .filter(([norm]) => hasNorm(norm))
      .flatMap(([norm, id, words]) => withoutNormParameters(`layers.${layer}.${norm}`, id, words))
      .filter(({ id }) => config.normBias || !id.startsWith("no-norm-bias")),
  ];
}

const noRotation: Deviation = {
  id: "no-rotation",
  says: "does not rotate query and key by their positions",
  simplification: false,
  apply: (program) => rewrite(program, (value) => matchRotation(value) ?? value),
};

/** The gate is the feed-forward network's second half. */
const noGate: Deviation = {
  id: "no-gate",
  says: "does not multiply the intermediate by its gate",
  simplification: false,
  apply: (program) =>
    rewrite(program, (value) => {
      const [activated, gate] = elementwiseOperands(value, "multiply");
      return activated && gate && matchGelu(activated) ? activated : value;
    }),
};

const noWindow: Deviation = {
  id: "no-window",
  says: "attends to all keys instead of those within the sliding window",
  group: "window",
  simplification: false,
  apply: (program) =>
    rewrite(program, (value) => {
      const window = maskedFactor(value);
      if (window === undefined || elementwiseOperands(window, "less").length === 0) return value;
      const [left, right] = elementwiseOperands(value, "multiply");
      return (window === left ? right : left) ?? value;
    }),
};
