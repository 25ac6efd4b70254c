/**
 * Compares and diagnoses one layer of one candidate, stage by stage.
 *
 * *Propagated*: the candidate's own chain against the original's, so that errors accumulate as in use. *Shadow*: each
 * segment separately on right inputs (an engine gets the original's stages; a dump is compared with the original's operations
 * on its own stages), so that an error shows where it arises. Together they distinguish a bug from accumulated rounding.
 */

import { layerProgram, layerStagesOf, stageName } from "../architectures/index.ts";
import type { Program, Value } from "../program/program.ts";
import { assumeUnmasked } from "../rewrites/assume-unmasked.ts";
import { asFloat32 } from "../tensor/half.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { RunnableCandidate } from "./candidate/candidate.ts";
import { cleanPadding } from "./candidate/clean-padding.ts";
import { compareStage } from "./compare/compare-stage.ts";
import { type RealPositions, realRows } from "./compare/positions.ts";
import { caveats } from "./diagnose/caveats.ts";
import { type Diagnosis, diagnose } from "./diagnose/diagnose.ts";
import { givenName, segmentsOf } from "./diagnose/segments.ts";
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

type Stages = ReadonlyMap<string, Tensor>;

/** Verifies a layer of an engine or an imitation. */
export async function verifyRunnable(
  subject: LayerUnderTest,
  candidate: RunnableCandidate,
  chain: Versions,
  options: LayerOptions,
): Promise<LayerResult> {
  const { config, layer, parameters } = subject;
  const { precision } = candidate;
  const { signal } = options;
  const program = layerProgram(config, layer);
  const output = stageName(layer, "output");
  options.onStep?.("running the layer");
  const task = {
    program: programFor(program, subject.inputs),
    layer,
    parameters,
    inputs: inputsWith(subject.inputs, chain.candidate),
    signal,
  };
  const instrumented = await candidate.compute(task);
  // Users of an engine run kernels that keep only the output: the stages that these write are judged. The instrumented
  // kernels round differently, so a diagnosis never mixes the two.
  const production =
    candidate.kind === "engine" ? await candidate.compute({ ...task, wanted: [output], observe: true }) : instrumented;
  const propagated = await propagate(subject, chain, precision, signal);
  options.onStep?.("running each stage on the original's inputs");
  const shadow = await shadowOfRunnable(subject, candidate, propagated.original, signal);
  return conclude(subject, {
    precision,
    stages: new Map([...instrumented, ...production]),
    diagnosed: instrumented,
    hidden: chain.candidate,
    production: new Set(production.keys()),
    // An engine that cannot be observed has no other stages to judge than its instrumented ones.
    judgesInstrumented: candidate.observes !== true,
    propagated,
    shadow,
    recomputed: (await recompute(subject, { stages: instrumented, hidden: chain.candidate, precision, signal })).pairs,
    skipped: new Map(),
    options,
  });
}

export interface DumpedLayer {
  readonly stages: Stages;
  readonly hiddenStates: Tensor | undefined;
  readonly precision: Precision;
}

/** Verifies a layer of a dump, which cannot be run again. */
export async function verifyDumped(
  subject: LayerUnderTest,
  dump: DumpedLayer,
  options: LayerOptions,
): Promise<LayerResult> {
  const { inputs } = subject;
  const { precision, hiddenStates } = dump;
  const { attentionMask } = inputs;
  const stages = new Map([...dump.stages].map(([name, tensor]) => [name, cleanPadding(tensor, attentionMask)]));
  const hidden = hiddenStates && cleanPadding(hiddenStates, attentionMask);
  const chain = hidden && { original: hidden, ordinary: hidden, candidate: hidden };
  const propagated = chain && (await propagate(subject, chain, precision, options.signal));
  options.onStep?.("recomputing each stage");
  const { pairs, skipped } = await recompute(subject, { stages, hidden, precision, signal: options.signal });
  return conclude(subject, {
    precision,
    stages,
    diagnosed: stages,
    hidden,
    production: new Set(stages.keys()),
    judgesInstrumented: false,
    propagated,
    shadow: pairs,
    recomputed: pairs,
    skipped,
    options,
  });
}

interface RecomputeOptions {
  readonly stages: Stages;
  readonly hidden: Tensor | undefined;
  readonly precision: Precision;
  readonly signal: AbortSignal | undefined;
}

/**
 * The original's operations on a candidate's own stages, segment by segment. The ordinary implementation rounds its outputs,
 * and its inputs are the stages before rounding (`unround.ts`).
 */
async function recompute(
  { config, layer, parameters, inputs: { attentionMask } }: LayerUnderTest,
  { stages, hidden, precision, signal }: RecomputeOptions,
): Promise<{ pairs: Map<string, Versions>; skipped: ReadonlyMap<string, string> }> {
  const { segments, skipped } = segmentsOf(config, layer, new Set(stages.keys()), hidden !== undefined);
  const feeds = positionFeeds(attentionMask);
  if (hidden) for (const name of ["hidden_states", "key_states"]) feeds.set(name, hidden);
  const unrounded = new Map(feeds);
  for (const [name, tensor] of stages) {
    feeds.set(givenName(name), tensor);
    unrounded.set(givenName(name), unround(tensor, precision));
  }
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

interface Propagated {
  readonly original: Stages;
  readonly ordinary: Stages;
}

async function propagate(
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

/** All segments as one program, each fed with the original's stages. */
async function shadowOfRunnable(
  subject: LayerUnderTest,
  candidate: RunnableCandidate,
  original: Stages,
  signal: AbortSignal | undefined,
): Promise<Map<string, Versions>> {
  const { config, layer, parameters, inputs } = subject;
  const { segments } = segmentsOf(config, layer, new Set(original.keys()), true);
  const outputs = new Map(segments.map(({ stage, program }) => [stage, program.outputs.get(stage) as Value]));
  // All get the same values, those that an engine accepts.
  const feeds = positionFeeds(inputs.attentionMask);
  for (const name of ["hidden_states", "key_states"]) feeds.set(name, asFloat32(inputs.hiddenStates));
  for (const [name, tensor] of original) feeds.set(givenName(name), asFloat32(tensor));
  const program = programFor({ outputs }, inputs);
  const exact = await compute({ outputs }, parameters, feeds, { signal });
  const ordinary = await compute({ outputs }, parameters, feeds, { signal, precision: candidate.precision });
  const found = await candidate.compute({ program, layer, parameters, inputs: feeds, signal });
  return new Map(
    segments.map(({ stage }) => [
      stage,
      {
        original: required(exact.get(stage)),
        ordinary: required(ordinary.get(stage)),
        candidate: required(found.get(stage)),
      },
    ]),
  );
}

interface Evidence {
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
  /** The original's operations on the candidate's own stages, from which the diagnosis starts. */
  readonly recomputed: ReadonlyMap<string, Versions>;
  readonly skipped: ReadonlyMap<string, string>;
  readonly options: LayerOptions;
}

async function conclude(subject: LayerUnderTest, evidence: Evidence): Promise<LayerResult> {
  const { layer, parameters, inputs } = subject;
  const { precision, stages, diagnosed, hidden, propagated, options } = evidence;
  const [batch = 0, sequence = 0] = inputs.attentionMask.shape;
  const real = realRows(inputs.attentionMask.data, batch, sequence);
  const reports = layerStagesOf(subject.config)
    .map((kind) => stageName(layer, kind))
    .filter((stage) => stages.has(stage))
    .map((stage) => reportStage(stage, evidence, real));
  const budgets = new Map(
    [...evidence.recomputed].map(([stage, { original, ordinary }]) => {
      return [stage, relativeError(original, ordinary, real(original.shape))] as const;
    }),
  );
  let runs = 0;
  const diagnosis = await diagnose(
    subject,
    {
      inputs: hidden && { hiddenStates: hidden, attentionMask: inputs.attentionMask },
      stages: diagnosed,
      parameters,
      attentionMask: inputs.attentionMask,
      precision,
    },
    {
      precision,
      budgets,
      limit: options.limit,
      signal: options.signal,
      onRun: () => options.onStep?.(`testing hypotheses (${++runs})`),
    },
  );
  const judged = reports.filter((stage) => stage.judged);
  const verdicts = judged.flatMap(({ propagated: p, shadow: s }) => (p ?? s)?.verdict ?? []);
  const firstDivergent = reports.find(({ propagated: p, shadow: s }) => {
    const verdict = (p ?? s)?.verdict;
    return verdict !== undefined && !isMatch(verdict);
  });
  const caveat = caveats(reports, diagnosis.report, ({ stage, propagated }) => {
    return diagnosed.get(stage) === stages.get(stage)
      ? propagated
      : comparePropagated(stage, diagnosed, evidence, real);
  });
  const output = stageName(layer, "output");
  const fallback = required(stages.get(output) ?? propagated?.original.get(output) ?? inputs.hiddenStates);
  return {
    report: {
      layer,
      stages: reports,
      firstDivergent: firstDivergent?.stage ?? null,
      diagnosis: { ...diagnosis.report, sentence: caveat + diagnosis.report.sentence },
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
  const { stages, shadow, skipped, production, judgesInstrumented } = evidence;
  const pair = shadow.get(stage);
  return {
    stage,
    propagated: comparePropagated(stage, stages, evidence, real),
    shadow: pair ? comparePair(pair, evidence, real) : null,
    shadowSkipped: skipped.get(stage) ?? null,
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

/** Without padding the program has no mask, as when users run an engine. */
function programFor(program: Program, { attentionMask }: LayerInputs): Program {
  return attentionMask.data.every((value) => value !== 0) ? assumeUnmasked(program) : program;
}

/** What segments read besides hidden states and stages. */
function positionFeeds(attentionMask: Tensor<"i32">): Map<string, Tensor> {
  const indices = indicesOf(attentionMask);
  return new Map([
    ["attention_mask", attentionMask],
    ["token_indices", indices],
    ["key_indices", indices],
  ]);
}

const inputsWith = (inputs: LayerInputs, hiddenStates: Tensor) => inputTensors({ ...inputs, hiddenStates });
