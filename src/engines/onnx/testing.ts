import { parseConfig } from "../../architectures/bert/config.ts";
import type { OnnxGraph } from "./graph.ts";

/** Three layers, so that counts per layer and per model differ. */
export const tinyConfig = parseConfig(
  JSON.stringify({
    model_type: "bert",
    vocab_size: 50,
    hidden_size: 12,
    num_hidden_layers: 3,
    num_attention_heads: 2,
    intermediate_size: 20,
  }),
);

/** Number of nodes by operator. */
export function countOperators({ nodes }: OnnxGraph): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { operator } of nodes) counts[operator] = (counts[operator] ?? 0) + 1;
  return counts;
}
