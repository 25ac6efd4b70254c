/**
 * A diagnosis of Souffle's kernel, for the sample report.
 */
import type { Cause, DiagnosisReport } from "../../report/report.ts";

export function souffleDiagnosis(layer: number): DiagnosisReport {
  return {
    sentence:
      "It uses ReLU instead of GELU, multiplies the attention scores by 1/√hidden = 0.03608 instead of " +
      "1/√(head size) = 0.125, leaves out all six biases, the weights and biases of both LayerNorms, ignores the " +
      "attention mask, and uses 0.00001 as LayerNorm's epsilon; this explains 99.9998 % of the squared error, and what is " +
      "left is rounding.",
    causes: causes(`layer.${layer}.`),
    resembles: [],
    explained: 0.999998,
    rest: { relative: 6.1e-4, ratio: 1.21 },
    unexplained: [],
    undecidable: ["leaves out the bias of the key", "uses 0.00001 as LayerNorm's epsilon instead of 1e-12"],
    runs: 1234,
  };
}

function causes(prefix: string): Cause[] {
  const cause = (id: string, says: string, stages: readonly string[], alternatives: readonly string[] = []): Cause => ({
    id,
    says,
    stages: stages.map((stage) => prefix + stage),
    alternatives,
  });
  return [
    cause("relu", "uses ReLU instead of GELU", ["intermediate"]),
    cause("scale:hidden", "multiplies the attention scores by 1/√hidden = 0.03608 instead of 1/√(head size) = 0.125", [
      "attention_scores",
    ]),
    cause("no-bias:query", "leaves out the bias of the query", ["query"]),
    cause(
      "no-bias:value",
      "leaves out the bias of the value",
      ["value", "context"],
      ["leaves out the bias of the context"],
    ),
    cause("no-norm-weight:attention", "leaves out the weight of the attention's LayerNorm", ["attention_output"]),
    cause("no-norm-weight:output", "leaves out the weight of the output's LayerNorm", ["output"]),
  ];
}
