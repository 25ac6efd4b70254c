/**
 * What is known of a layer of one candidate, compared and diagnosed stage by stage.
 *
 * *Propagated*: the candidate's own chain against the original's, so that errors accumulate as in use. *Shadow*: each
 * segment separately on right inputs (an engine gets the original's stages; a dump is compared with the original's operations
 * on its own stages), so that an error shows where it arises. Together they distinguish a bug from accumulated rounding.
 */

import { layerProgram, layerStagesOf, stageName } from "../architectures/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { compareStage } from "./compare/compare-stage.ts";
import { type RealPositions, realRows } from "./compare/positions.ts";
import { caveats } from "./diagnose/caveats.ts";
import { type Diagnosis, diagnose, type Finding } from "./diagnose/diagnose.ts";
import type { DumpedElsewhere } from "./diagnose/find-dump-points.ts";
import { givenName, segmentsOf } from "./diagnose/segments.ts";
import { describeAccumulated, describeDumpPoints } from "./diagnose/sentences.ts";
import { unround } from "./diagnose/unround.ts";
import { indicesOf, inputTensors, type LayerInputs } from "./layer/layer-inputs.ts";
import { compute, type LayerUnderTest, relativeError } from "./layer/layer-under-test.ts";
import type { Precision } from "./layer/precision.ts";
import { required } from "./layer/required.ts";
import type { Comparison, LayerReport, StageReport } from "./report/report.ts";
import { isMatch, worst } from "./report/verdict.ts";

export interface LayerOptions {
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
  /** Receives the current step, including the number of hypotheses tested. */
  readonly onStep?: ((step: string) => void) | undefined;
}

export interface LayerResult {
  readonly report: LayerReport;
  readonly diagnosis: Diagnosis;
  /** The layer's outputs: the inputs of the next one. */
  readonly outputs: Versions;
}

/** One tensor as the original, an ordinary implementation of the candidate's precision and the candidate compute it. */
export interface Versions {
  readonly original: Tensor;
  readonly ordinary: Tensor;
  readonly candidate: Tensor;
}

export type Stages = ReadonlyMap<string, Tensor>;

/** Stages of a dump that fit another point of the layer. */
export type Elsewhere = ReadonlyMap<string, DumpedElsewhere>;

export interface RecomputeOptions {
  readonly stages: Stages;
  readonly hidden: Tensor | undefined;
  readonly precision: Precision;
  readonly signal: AbortSignal | undefined;
}

export interface Recomputed {
  readonly pairs: ReadonlyMap<string, Versions>;
  /** Why a stage is not among them. */
  readonly skipped: ReadonlyMap<string, string>;
}

/**
 * The original's operations on a candidate's own stages, segment by segment. The ordinary implementation rounds its outputs,
 * and its inputs are the stages before rounding (`unround.ts`).
 */
export async function recompute(
  { config, layer, parameters, inputs: { attentionMask } }: LayerUnderTest,
  { stages, hidden, precision, signal }: RecomputeOptions,
): Promise<Recomputed> {
  const { segments, skipped } = segmentsOf(config, layer, new Set(stages.keys()), hidden !== undefined);
  const feeds = feedsOf(stages, hidden, attentionMask);
  const unrounded = feedsOf(stages, hidden, attentionMask, precision);
  const pairs = new Map<string, Versions>();
  for (const { stage, program } of segments) {
    const original = await compute(program, parameters, feeds, { signal });
    const ordinary = await compute(program, parameters, unrounded, { signal, precision });
    pairs.set(stage, {
      original: required(original.get(stage)),
      ordinary: required(ordinary.get(stage)),
      candidate: required(stages.get(stage)),
    });
  }
  return { pairs, skipped };
}

/** What segments read. @param unroundedFrom the precision whose rounding the stages lose. */
export function feedsOf(
  stages: Stages,
  hidden: Tensor | undefined,
  attentionMask: Tensor<"i32">,
  unroundedFrom?: Precision,
): Map<string, Tensor> {
  const feeds = positionFeeds(attentionMask);
  if (hidden) for (const name of ["hidden_states", "key_states"]) feeds.set(name, hidden);
  for (const [name, tensor] of stages) {
    feeds.set(givenName(name), unroundedFrom === undefined ? tensor : unround(tensor, unroundedFrom));
  }
  return feeds;
}

export interface Propagated {
  readonly original: Stages;
  readonly ordinary: Stages;
}

export async function propagate(
  { config, layer, parameters, inputs }: LayerUnderTest,
  chain: Versions,
  precision: Precision,
  signal: AbortSignal | undefined,
): Promise<Propagated> {
  const program = layerProgram(config, layer);
  return {
    original: await compute(program, parameters, inputsWith(inputs, chain.original), { signal }),
    ordinary: await compute(program, parameters, inputsWith(inputs, chain.ordinary), { signal, precision }),
  };
}

export interface Evidence {
  readonly precision: Precision;
  readonly stages: Stages;
  /** Stages that are all from one run. */
  readonly diagnosed: Stages;
  readonly hidden: Tensor | undefined;
  /** Names of `stages` from the kernels that users run. */
  readonly production: ReadonlySet<string>;
  /** Whether the other stages count in the verdict. */
  readonly judgesInstrumented: boolean;
  readonly propagated: Propagated | undefined;
  readonly shadow: ReadonlyMap<string, Versions>;
  readonly skipped: ReadonlyMap<string, string>;
  /** Stages of a dump that fit another point of the layer. */
  readonly elsewhere: Elsewhere;
  readonly options: LayerOptions;
}

export interface Diagnosed extends Pick<Evidence, "precision" | "diagnosed" | "hidden" | "elsewhere" | "options"> {
  /** The original's operations on the candidate's own stages, from which the diagnosis starts. */
  readonly recomputed: ReadonlyMap<string, Versions>;
}

/** @param memory of diagnoses of the same stages, or some of them. */
export async function diagnoseStages(
  subject: LayerUnderTest,
  { precision, diagnosed, hidden, recomputed, elsewhere, options }: Diagnosed,
  memory?: Map<string, Finding>,
): Promise<Diagnosis> {
  const { parameters, inputs } = subject;
  const { attentionMask } = inputs;
  const real = realPositionsOf(inputs);
  const budgets = new Map(
    [...recomputed].map(([stage, { original, ordinary }]) => {
      return [stage, relativeError(original, ordinary, real(original.shape))] as const;
    }),
  );
  let runs = 0;
  return diagnose(
    subject,
    {
      inputs: hidden && { hiddenStates: hidden, attentionMask },
      stages: diagnosed,
      parameters,
      attentionMask,
      precision,
    },
    {
      precision,
      budgets,
      limit: options.limit,
      signal: options.signal,
      elsewhere,
      ...(memory && { memory }),
      onRun: () => options.onStep?.(`testing hypotheses (${++runs})`),
    },
  );
}

function realPositionsOf({ attentionMask }: LayerInputs): RealPositions {
  const [batch = 0, sequence = 0] = attentionMask.shape;
  return realRows(attentionMask.data, batch, sequence);
}

export function conclude(subject: LayerUnderTest, evidence: Evidence, diagnosis: Diagnosis): LayerResult {
  const { layer, inputs } = subject;
  const { precision, stages, diagnosed, propagated } = evidence;
  const real = realPositionsOf(inputs);
  const reports = layerStagesOf(subject.config)
    .map((kind) => stageName(layer, kind))
    .filter((stage) => stages.has(stage))
    .map((stage) => reportStage(stage, evidence, real));
  const judged = reports.filter((stage) => stage.judged);
  const verdicts = judged.flatMap(({ propagated: p, shadow: s }) => (p ?? s)?.verdict ?? []);
  const firstDivergent = reports.find(({ propagated: p, shadow: s }) => {
    const verdict = (p ?? s)?.verdict;
    return verdict !== undefined && !isMatch(verdict);
  });
  const caveat = caveats(reports, diagnosis.report, ({ stage, propagated }) => {
    return !diagnosed.has(stage) || diagnosed.get(stage) === stages.get(stage)
      ? propagated
      : comparePropagated(stage, diagnosed, evidence, real);
  });
  const { causes, unexplained } = diagnosis.report;
  const isAccumulated = causes.length === 0 && unexplained.length === 0 && !isMatch(worst(verdicts));
  const found =
    isAccumulated && firstDivergent && diagnosed.has(firstDivergent.stage)
      ? describeAccumulated(firstDivergent, precision)
      : diagnosis.report.sentence;
  const output = stageName(layer, "output");
  const fallback = required(stages.get(output) ?? propagated?.original.get(output) ?? inputs.hiddenStates);
  return {
    report: {
      layer,
      stages: reports,
      firstDivergent: firstDivergent?.stage ?? null,
      diagnosis: {
        ...diagnosis.report,
        sentence: caveat + describeDumpPoints(evidence.elsewhere, diagnosed) + found,
      },
      verdict: worst(verdicts),
    },
    diagnosis,
    outputs: {
      original: propagated?.original.get(output) ?? fallback,
      ordinary: propagated?.ordinary.get(output) ?? fallback,
      candidate: stages.get(output) ?? fallback,
    },
  };
}

function reportStage(stage: string, evidence: Evidence, real: RealPositions): StageReport {
  const { stages, shadow, skipped, production, judgesInstrumented, elsewhere } = evidence;
  const pair = shadow.get(stage);
  const found = elsewhere.get(stage);
  return {
    stage,
    propagated: comparePropagated(stage, stages, evidence, real),
    shadow: pair ? comparePair(pair, evidence, real) : null,
    shadowSkipped:
      skipped.get(stage) ?? (found && !pair ? "it is not what the layer computes at any known point" : null),
    dumpedElsewhere: found?.isCertain === true ? (found.words ?? null) : null,
    production: production.has(stage),
    judged: production.has(stage) || judgesInstrumented,
  };
}

/** Compares a stage of one of the candidate's runs with the original's chain. */
function comparePropagated(stage: string, stages: Stages, evidence: Evidence, real: RealPositions): Comparison | null {
  const { propagated } = evidence;
  const [original, ordinary] = [propagated?.original.get(stage), propagated?.ordinary.get(stage)];
  const candidate = stages.get(stage);
  return original && ordinary && candidate ? comparePair({ original, ordinary, candidate }, evidence, real) : null;
}

function comparePair(pair: Versions, { precision, options }: Evidence, real: RealPositions): Comparison {
  return compareStage({ ...pair, precision, isReal: real(pair.original.shape), limit: options.limit });
}

/** What segments read besides hidden states and stages. */
export function positionFeeds(attentionMask: Tensor<"i32">): Map<string, Tensor> {
  const indices = indicesOf(attentionMask);
  return new Map([
    ["attention_mask", attentionMask],
    ["token_indices", indices],
    ["key_indices", indices],
  ]);
}

export const inputsWith = (inputs: LayerInputs, hiddenStates: Tensor) => inputTensors({ ...inputs, hiddenStates });
