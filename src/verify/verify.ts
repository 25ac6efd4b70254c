/**
 * The whole verification: unit weights, embeddings, layers stage by stage, layouts, diagnosis, verdict.
 *
 * Must stay true: all candidates are judged separately and by the same rules; callbacks receive each part of the report as
 * soon as it is known, and the returned report contains all parts.
 */

import { layerProgram, layerStagesOf, type ModelConfig, stageName } from "../architectures/index.ts";
import { checkFields } from "../arguments.ts";
import type { FloatDType, Tensor } from "../tensor/tensor.ts";
import { version } from "../version.ts";
import type { RunnableCandidate } from "./candidate/candidate.ts";
import { cornersOf } from "./compare/corners.ts";
import { laterLayer } from "./later-layer.ts";
import type { LayerInputs } from "./layer/layer-inputs.ts";
import { type LayerUnderTest, readParameters } from "./layer/layer-under-test.ts";
import type { Precision } from "./layer/precision.ts";
import type { LayerOptions, LayerResult, Versions } from "./layer-evidence.ts";
import { verifyLayouts } from "./layouts.ts";
import {
  type CandidateReport,
  type EmbeddingReport,
  type LayerReport,
  reportSchema,
  type UnitWeightReport,
  type VerifyReport,
} from "./report/report.ts";
import { defaultBudgetLimit, isMatch, worst } from "./report/verdict.ts";
import { roundTrips } from "./round-trips.ts";
import {
  bertBaseSize,
  prepareUnitWeights,
  runUnitWeights,
  type UnitWeightSize,
  unitLayer,
  unitSequence,
} from "./unit-weights.ts";
import { verifyDumped } from "./verify-dump.ts";
import { verifyRunnable } from "./verify-layer.ts";

/** The model whose layers are the original. */
export interface OriginalModel {
  readonly name: string;
  readonly config: ModelConfig;
  /** Reads a parameter by its canonical name. */
  readonly read: (name: string) => Promise<Tensor<FloatDType>>;
}

/** Stages that a user's kernel computed. */
export interface DumpCandidate {
  readonly kind: "dump";
  readonly name: string;
  readonly precision: Precision;
  readonly stages: ReadonlyMap<string, Tensor>;
  readonly hiddenStates: Tensor | undefined;
  /** What the reader should know of how it was read, as a sentence. */
  readonly note?: string;
  /** Why it cannot be compared; its tensors are then ignored. */
  readonly inconclusive?: string;
}

export type Candidate = RunnableCandidate | DumpCandidate;

export interface VerifyOptions {
  readonly model: OriginalModel;
  /** The layers to verify, in order and without gaps. */
  readonly layers: readonly number[];
  /** The input of the first layer. */
  readonly inputs: LayerInputs;
  readonly candidates: readonly Candidate[];
  /** Present when the input is the embeddings of a text. */
  readonly embeddings?: { readonly source: string; readonly tensor: Tensor };
  /** The largest ratio over the budget that counts as good. Default 2. */
  readonly budgetLimit?: number;
  /** Seed of random values. Default 0. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  /** Receives the current step. */
  readonly onStep?: (step: string) => void;
  readonly onUnitWeights?: (reports: readonly UnitWeightReport[]) => void;
  readonly onEmbeddings?: (report: EmbeddingReport) => void;
  readonly onCandidate?: (report: CandidateReport) => void;
}

/** @throws InputError for arguments of another type, and for tensors that do not fit the model. */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  checkFields(options, "verify's argument", {
    "model.name": "a string",
    "model.config": "an object",
    "model.read": "a function",
    layers: "a list",
    "inputs.hiddenStates": "a tensor: an object with dtype, shape and data",
    "inputs.attentionMask": "a tensor: an object with dtype, shape and data",
    candidates: "a list",
  });
  const started = performance.now();
  const { model, inputs, candidates, budgetLimit = defaultBudgetLimit, seed = 0 } = options;
  const [batch = 0, sequence = 0] = inputs.attentionMask.shape;
  const unitWeights = await verifyUnitWeights(options, seed);
  if (unitWeights.length > 0) options.onUnitWeights?.(unitWeights);
  const embeddings = reportEmbeddings(options);
  if (embeddings) options.onEmbeddings?.(embeddings);
  const reports: CandidateReport[] = [];
  for (const candidate of candidates) {
    const report = await verifyCandidate(candidate, options, budgetLimit);
    reports.push(report);
    options.onCandidate?.(report);
  }
  return {
    schema: reportSchema,
    version,
    model: model.name,
    batch,
    sequence,
    hidden: model.config.hiddenSize,
    budgetLimit,
    seed,
    unitWeights,
    embeddings,
    candidates: reports,
    verdict: worst(reports.map(({ verdict }) => verdict)),
    passed: reports.every(({ passed }) => passed) && unitWeights.every(({ passed }) => passed),
    seconds: (performance.now() - started) / 1000,
  };
}

/** Tests candidates that can be run, at the model's size with its own biases, and at BERT-base's. */
async function verifyUnitWeights(options: VerifyOptions, seed: number): Promise<UnitWeightReport[]> {
  const { model, signal } = options;
  const runnable = options.candidates.filter((candidate) => candidate.kind !== "dump");
  if (runnable.length === 0) return [];
  const layer = Math.min(unitLayer(model.config), model.config.layers - 1);
  const parameters = await readParameters(layerProgram(model.config, layer), model.read);
  const biases = new Map([...parameters].filter(([name]) => name.endsWith(".bias")));
  const modelSize = { name: model.name, config: model.config, sequence: unitSequence(model.config), biases };
  const reports: UnitWeightReport[] = [];
  for (const size of [modelSize, bertBaseSize] satisfies UnitWeightSize[]) {
    for (const kind of ["exact", "demo"] as const) {
      options.onStep?.(`unit weights (${kind}) at the size of ${size.name}`);
      const test = prepareUnitWeights(kind, size, { seed, signal });
      for (const candidate of runnable) reports.push(await runUnitWeights(test, candidate, { seed, signal }));
    }
  }
  return reports;
}

function reportEmbeddings({ embeddings }: VerifyOptions): EmbeddingReport | null {
  if (embeddings === undefined) return null;
  const { source, tensor } = embeddings;
  return { source, shape: tensor.shape, values: cornersOf(tensor), roundTrips: roundTrips(tensor) };
}

/** The first layer's input is the dump's hidden states; a later layer's is the dumped output of the layer before. */
function dumpedLayer({ stages, hiddenStates, precision }: DumpCandidate, layer: number, first: number | undefined) {
  const layerStages = new Map([...stages].filter(([name]) => name.startsWith(`layer.${layer}.`)));
  const input = layer === first ? hiddenStates : stages.get(stageName(layer - 1, "output"));
  return { stages: layerStages, hiddenStates: input, precision };
}

async function verifyCandidate(candidate: Candidate, options: VerifyOptions, limit: number): Promise<CandidateReport> {
  const { name, kind, precision } = candidate;
  const note = (candidate.kind === "dump" ? candidate.note : undefined) ?? null;
  const base = { name, kind, precision, note };
  if (candidate.kind === "dump" && candidate.inconclusive !== undefined) {
    const { inconclusive } = candidate;
    return { ...base, layers: [], layouts: [], inconclusive, verdict: "INCONCLUSIVE", passed: false };
  }
  const steps: LayerOptions = {
    limit,
    signal: options.signal,
    onStep: (step) => options.onStep?.(`${name}: ${step}`),
  };
  const { model, inputs } = options;
  const layers: LayerReport[] = [];
  const { hiddenStates } = inputs;
  let chain: Versions = { original: hiddenStates, ordinary: hiddenStates, candidate: hiddenStates };
  let layouts: CandidateReport["layouts"] = [];
  for (const layer of options.layers) {
    const parameters = await readParameters(layerProgram(model.config, layer), model.read);
    const subject: LayerUnderTest = {
      config: model.config,
      layer,
      parameters,
      inputs: { ...inputs, hiddenStates: chain.original },
    };
    const inLayer = { ...steps, onStep: (step: string) => steps.onStep?.(`layer ${layer}, ${step}`) };
    const result =
      candidate.kind === "dump"
        ? await verifyDumped(subject, dumpedLayer(candidate, layer, options.layers[0]), inLayer)
        : await verifyRunnable(subject, candidate, chain, inLayer);
    layers.push(candidate.kind === "dump" ? await withLaterLayer(result, layer, options) : result.report);
    chain = result.outputs;
    if (candidate.kind !== "dump" && layer === options.layers[0]) {
      const { deviations } = result.diagnosis;
      layouts = await verifyLayouts(subject, candidate, { ...inLayer, deviations });
    }
  }
  const verdict = worst(layers.map((layer) => layer.verdict));
  const missing = isMatch(verdict) ? withoutOutput(layers, model.config) : null;
  if (missing !== null)
    return { ...base, layers, layouts, inconclusive: missing, verdict: "INCONCLUSIVE", passed: false };
  const passed = isMatch(verdict) && layouts.every(({ asExpected }) => asExpected);
  return { ...base, layers, layouts, inconclusive: null, verdict, passed };
}

/** Says of a dump whose output nothing explains if it is a later layer's. */
async function withLaterLayer(
  { report, outputs }: LayerResult,
  layer: number,
  { model, inputs, signal }: VerifyOptions,
): Promise<LayerReport> {
  const { diagnosis } = report;
  if (!diagnosis.unexplained.includes(stageName(layer, "output"))) return report;
  const later = await laterLayer(model, { layer, after: outputs.original, found: outputs.candidate }, inputs, signal);
  if (later === undefined) return report;
  const sentence = `layer.${layer}.output is what the original has after layer ${later}: the dump is named after another layer. ${diagnosis.sentence}`;
  return { ...report, diagnosis: { ...diagnosis, sentence } };
}

/** Why a dump of right stages proves nothing of a layer: its output was not compared. */
function withoutOutput(layers: readonly LayerReport[], config: ModelConfig): string | null {
  const all = layerStagesOf(config).length;
  for (const { layer, stages } of layers) {
    const compared = stages.filter(({ propagated, shadow }) => (propagated ?? shadow) !== null);
    if (compared.some(({ stage }) => stage === stageName(layer, "output"))) continue;
    const count = `${compared.length} of ${all} stages of layer ${layer}`;
    return `${count} ${compared.length === 1 ? "was" : "were"} compared, and what was is right; the layer's output was not among them, so nothing is proven of the layer. Dump layer.${layer}.output too.`;
  }
  return null;
}
