/**
 * A sample report for tests and previews: an engine that is right, an imitation wrong in six ways, a unit-weight test that
 * overflows, a dump that could not be compared. The same for the same seed.
 */

import { encoderLayerStages } from "../../architectures/layers/encoder-layer.ts";
import { seededUniform } from "../../tensor/random.ts";
import type {
  CandidateReport,
  Comparison,
  DiagnosisReport,
  LayerReport,
  LayoutReport,
  StageReport,
  UnitWeightReport,
  VerifyReport,
} from "../report/report.ts";
import { isMatch, judge, ratioOf, type Verdict, worst } from "../report/verdict.ts";
import { batch, constantCorners, corners, hidden, sequence, statistics } from "./testing/figures.ts";
import { souffleDiagnosis } from "./testing/souffle.ts";

export interface SampleOptions {
  readonly layers?: number;
  readonly candidates?: readonly CandidateReport[];
}

const f16Rounding = 2 ** -11 / Math.sqrt(3);
const f32Rounding = 2 ** -24 / Math.sqrt(3);

/** Shadow errors of Souffle's kernel by stage: no biases, another scale, no GELU, no affine LayerNorm. */
const souffleErrors = [0.31, 0.28, 0.11, 0.72, 4e-4, 3e-4, 0.09, 0.44, 0.63, 0.13, 0.52];

export function sampleReport({ layers = 1, candidates }: SampleOptions = {}): VerifyReport {
  const random = seededUniform(7);
  const all = candidates ?? [goodCandidate(random, layers), souffle(random, layers), dumpWithoutMask()];
  return {
    schema: "fusebert.verify/1",
    version: "0.1.0",
    model: "MattBoraske/BERT-question-answering-SQuAD",
    batch,
    sequence,
    hidden,
    budgetLimit: 2,
    seed: 1,
    unitWeights: unitWeights(random),
    embeddings: {
      source: "built-in",
      shape: [batch, sequence, hidden],
      values: corners(random, [batch, sequence, hidden], 0.6),
      roundTrips: (["f16", "bf16"] as const).map((precision) => ({
        precision,
        statistics: statistics(random, { error: precision === "f16" ? 2.1e-4 : 1.7e-3, stage: "query" }),
        delta: corners(random, [batch, sequence, hidden], precision === "f16" ? 1.2e-4 : 9e-4),
      })),
    },
    candidates: all,
    verdict: worst(all.map(({ verdict }) => verdict)),
    passed: all.every(({ passed }) => passed),
    seconds: 12.34,
  };
}

export function goodCandidate(random = seededUniform(1), layerCount = 1): CandidateReport {
  const budgetOf = (place: number) => f32Rounding * (2 + 0.9 * Math.sqrt(place));
  const layers = Array.from({ length: layerCount }, (_, layer) =>
    layerOf(random, layer, (place) => {
      const grown = layer * encoderLayerStages.length + place;
      const error = budgetOf(grown) * (0.55 + 0.5 * random());
      return { propagated: { error, budget: budgetOf(grown) }, shadow: { error: error * 0.5, budget: budgetOf(1) } };
    }),
  );
  const layouts = layoutReports(random, [2.3e-7, 0.71, 0.72, 0.19, 2.3e-7]);
  return candidateOf({ name: "cpu", kind: "engine", precision: "f32", layers, layouts });
}

export function souffle(random = seededUniform(2), layerCount = 1): CandidateReport {
  const budgetOf = (place: number) => f16Rounding * (1 + 0.5 * Math.sqrt(place));
  const layers = Array.from({ length: layerCount }, (_, layer) =>
    layerOf(random, layer, (place) => {
      const shadow = souffleErrors[place] ?? 0.3;
      const propagated = Math.min(1.3, Math.max(shadow, 0.4) + 0.05 * place);
      const budget = budgetOf(layer * encoderLayerStages.length + place);
      return {
        propagated: { error: layer + place < 3 ? shadow : propagated, budget },
        shadow: { error: shadow, budget: budgetOf(1) },
      };
    }),
  ).map((layer) => ({ ...layer, diagnosis: souffleDiagnosis(layer.layer) }));
  const layouts = layoutReports(random, [0.712, 0.724, 0.724, 0.713, 0.712]);
  return candidateOf({ name: "souffle", kind: "imitation", precision: "f16", layers, layouts });
}

export function dumpWithoutMask(): CandidateReport {
  return {
    name: "my-kernel.safetensors",
    kind: "dump",
    precision: "f16",
    layers: [],
    layouts: [],
    note: null,
    inconclusive: "my-kernel.safetensors holds 4 rows and no attention_mask: give it by --inputs.",
    verdict: "INCONCLUSIVE",
    passed: false,
  };
}

interface ErrorOfStage {
  readonly error: number;
  readonly budget: number;
}

function layerOf(
  random: () => number,
  layer: number,
  errors: (place: number) => { propagated: ErrorOfStage; shadow: ErrorOfStage },
): LayerReport {
  const stages = encoderLayerStages.map((name, place): StageReport => {
    const { propagated, shadow } = errors(place);
    return {
      stage: `layer.${layer}.${name}`,
      propagated: comparison(random, propagated, name),
      shadow: name === "context" ? null : comparison(random, shadow, name),
      shadowSkipped: name === "context" ? `layer.${layer}.attention_probs is not in the dump` : null,
      dumpedElsewhere: null,
      production: !name.startsWith("attention_scores") && name !== "attention_probs",
      judged: true,
    };
  });
  const divergent = stages.find(({ propagated }) => propagated !== null && !isMatch(propagated.verdict));
  return {
    layer,
    stages,
    firstDivergent: divergent?.stage ?? null,
    diagnosis: nothingFound,
    verdict: worst(stages.flatMap(({ propagated }) => propagated?.verdict ?? [])),
  };
}

const nothingFound: DiagnosisReport = {
  sentence: "It computes what the original computes; the error is rounding.",
  causes: [],
  resembles: [],
  explained: null,
  rest: { relative: 2.31e-7, ratio: 0.83 },
  unexplained: [],
  undecidable: ["leaves out the bias of the key"],
  runs: 41,
};

function candidateOf(
  parts: Pick<CandidateReport, "name" | "kind" | "precision" | "layers" | "layouts">,
): CandidateReport {
  const verdict = worst(parts.layers.map((layer) => layer.verdict));
  return { ...parts, note: null, inconclusive: null, verdict, passed: isMatch(verdict) };
}

function comparison(random: () => number, { error, budget }: ErrorOfStage, stage: string): Comparison {
  const ratio = ratioOf({ error, budget });
  return {
    statistics: statistics(random, { error, stage }),
    budget,
    ratio: Number.isFinite(ratio) ? ratio : null,
    verdict: judge({ error, budget, nonFinite: 0 }),
  };
}

const layoutNames = [
  "Q, K, V stacked, nothing transposed",
  "Q, K, V transposed, then stacked",
  "everything transposed",
  "only the attention output transposed",
  "Hugging Face's layout as it is",
];

function layoutReports(random: () => number, errors: readonly number[]): LayoutReport[] {
  const sameBytes = [[5], [], [], [], [1]];
  const recognised = [
    "the original layout",
    "Q, K, V transposed",
    "everything transposed",
    "the attention output transposed",
  ];
  return layoutNames.map((name, index) => {
    const error = errors[index] ?? 0;
    const right = error < 0.01;
    const expected = index === 0 || index === 4 ? "original" : "poor";
    return {
      number: index + 1,
      name,
      comparison: comparison(random, { error, budget: 2.8e-7 }, "output"),
      delta: corners(random, [batch, sequence, hidden], error),
      sameBytesAs: sameBytes[index] ?? [],
      expected,
      recognised:
        errors[0] === errors[4] && (errors[0] ?? 0) > 0.01 ? null : (recognised[index] ?? "the original layout"),
      asExpected: expected === "original" ? right : !right,
    };
  });
}

function unitWeights(random: () => number): UnitWeightReport[] {
  return (["exact", "demo"] as const).flatMap((kind) => [
    unitWeight(random, kind, "cpu"),
    unitWeight(random, kind, "souffle"),
  ]);
}

function unitWeight(random: () => number, kind: "exact" | "demo", candidate: string): UnitWeightReport {
  const shape = [batch, sequence, hidden];
  const halves = constantCorners(shape, 0.5);
  const original = kind === "exact" ? halves : corners(random, shape, 0.3);
  const broken = candidate === "souffle";
  const error = kind === "exact" ? 0 : 0.013;
  const finite = statistics(random, { error, stage: "output" });
  const nan = batch * sequence * hidden;
  const verdict: Verdict = broken ? "NON-FINITE" : kind === "exact" ? "IDENTICAL" : "INCONCLUSIVE";
  return {
    kind,
    candidate,
    precision: broken ? "f16" : "f32",
    size: "BERT-base, 1 × 384 × 768",
    shape,
    original,
    found: broken ? constantCorners(shape, Number.NaN) : original,
    statistics: broken
      ? { ...finite, nan, firstNonFinite: { value: Number.NaN, index: [0, 0, 0] } }
      : { ...finite, l2Relative: error },
    illConditioned: kind === "demo",
    overflow: broken
      ? {
          stage: "layer.0.attention_scores",
          operation: "query · key transposed",
          magnitude: 37_748_736,
          precision: "f16",
          limit: 65_504,
        }
      : null,
    verdict,
    passed: !broken,
  };
}
