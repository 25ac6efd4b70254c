/**
 * The unit-weight tests: a layer whose weights are all one, on which many kernels overflow unnoticed.
 *
 * *Exact*: input one, dense weights one, dense biases zero, LayerNorm weight one and bias 0.5. Every intermediate is a whole
 * number that each precision represents or a sum that float32 represents, every LayerNorm gets equal elements, and the
 * output is 0.5 everywhere, at any size. The test relies on this argument, not on an implementation.
 *
 * *The demo's*: every weight becomes one and the biases stay. The sums are near 589,824 for BERT-base, where float32 has a
 * spacing of 1/16, so no float32 implementation can agree closely: the output must be finite, and the difference is reported
 * but not judged.
 */

import { bertBase } from "../architectures/bert/bert-base.ts";
import { expectedParameters, layerProgram, type ModelConfig, stageName } from "../architectures/index.ts";
import { encoderLayerStages } from "../architectures/layers/encoder-layer.ts";
import { toFloat64 } from "../tensor/half.ts";
import { seededNormal } from "../tensor/random.ts";
import { elementCount, type Tensor } from "../tensor/tensor.ts";
import type { RunnableCandidate } from "./candidate/candidate.ts";
import { compareTensors } from "./compare/compare.ts";
import { cornersOf } from "./compare/corners.ts";
import { fullMask } from "./layer/layer-inputs.ts";
import { compute } from "./layer/layer-under-test.ts";
import { largest } from "./layer/precision.ts";
import { required } from "./layer/required.ts";
import type { Overflow, UnitWeightReport } from "./report/report.ts";

export type UnitWeightKind = UnitWeightReport["kind"];

export interface UnitWeightSize {
  /** For display: the model's name, or `BERT-base`. */
  readonly name: string;
  readonly config: ModelConfig;
  readonly sequence: number;
  /** The demo's biases, by canonical name of layer 0; absent: random. */
  readonly biases?: ReadonlyMap<string, Tensor>;
}

export const bertBaseSize: UnitWeightSize = {
  name: "BERT-base",
  config: { ...bertBase, layers: 1 },
  sequence: 384,
};

/** The test's sequence length: a power of two, so that attention probabilities of 1/length are exact in every precision. */
export function unitSequence({ maxPositions }: ModelConfig): number {
  return 2 ** Math.floor(Math.log2(Math.min(128, maxPositions)));
}

/** The output of the exact test, by construction. */
const exactOutput = 0.5;

/** The operation that computes each stage, for reports of an overflow. */
const operations: Readonly<Record<(typeof encoderLayerStages)[number], string>> = {
  query: "the query's matrix product and bias",
  key: "the key's matrix product and bias",
  value: "the value's matrix product and bias",
  attention_scores: "the product of queries and keys",
  attention_probs: "the softmax",
  context: "the weighted sum of the values",
  attention_output_dense: "the attention output's matrix product and bias",
  attention_output: "the residual sum and LayerNorm after attention",
  intermediate: "the intermediate matrix product, bias and GELU",
  output_dense: "the output's matrix product and bias",
  output: "the residual sum and LayerNorm after feed-forward",
};

export interface UnitWeightOptions {
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

/** A test's inputs, and its original. */
export interface UnitWeightTest {
  readonly kind: UnitWeightKind;
  readonly size: UnitWeightSize;
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** Every stage in float64, computed on the first call. */
  readonly original: () => Promise<ReadonlyMap<string, Tensor<"f64">>>;
}

export function prepareUnitWeights(
  kind: UnitWeightKind,
  size: UnitWeightSize,
  { seed, signal }: UnitWeightOptions,
): UnitWeightTest {
  const { config, sequence } = size;
  const program = layerProgram(config, 0);
  const parameters = unitParameters(kind, size, seed);
  const inputs = new Map<string, Tensor>([
    ["hidden_states", constantTensor([1, sequence, config.hiddenSize], 1)],
    ["attention_mask", fullMask(1, sequence)],
  ]);
  let computed: Promise<ReadonlyMap<string, Tensor<"f64">>> | undefined;
  const original = () => {
    computed ??= compute(program, parameters, inputs, { signal });
    return computed;
  };
  return { kind, size, parameters, inputs, original };
}

export async function runUnitWeights(
  test: UnitWeightTest,
  candidate: RunnableCandidate,
  { signal }: UnitWeightOptions,
): Promise<UnitWeightReport> {
  const { kind, size, parameters, inputs, original } = test;
  const { precision } = candidate;
  const program = layerProgram(size.config, 0);
  const outputName = stageName(0, "output");
  const task = { program, layer: 0, parameters, inputs, signal };
  const found = required((await candidate.compute({ ...task, wanted: [outputName] })).get(outputName));
  const expected =
    kind === "exact" ? constantTensor(found.shape, exactOutput) : required((await original()).get(outputName));
  const statistics = compareTensors({ original: expected, candidate: found, precision });
  const nonFinite = statistics.nan + statistics.infinite;
  const overflow = nonFinite === 0 ? null : await findOverflow(test, candidate, signal);
  const isEqual = nonFinite === 0 && statistics.maxAbsolute.value === 0;
  const finiteVerdict = isEqual ? "IDENTICAL" : kind === "exact" ? "POOR" : "INCONCLUSIVE";
  return {
    kind,
    candidate: candidate.name,
    precision,
    size: size.name,
    shape: found.shape,
    original: cornersOf(expected),
    found: cornersOf(found),
    statistics,
    illConditioned: kind === "demo",
    overflow,
    verdict: nonFinite > 0 ? "NON-FINITE" : finiteVerdict,
    passed: kind === "exact" ? isEqual : nonFinite === 0,
  };
}

/** The first stage of an instrumented run with a NaN or an infinity, and the original's magnitude there. */
async function findOverflow(
  { size, parameters, inputs, original }: UnitWeightTest,
  candidate: RunnableCandidate,
  signal: AbortSignal | undefined,
): Promise<Overflow> {
  const { precision } = candidate;
  const program = layerProgram(size.config, 0);
  const stages = await candidate.compute({ program, layer: 0, parameters, inputs, signal });
  const stage =
    encoderLayerStages.find((kind) => !toFloat64(required(stages.get(stageName(0, kind)))).every(Number.isFinite)) ??
    "output";
  const magnitude = toFloat64(required((await original()).get(stageName(0, stage)))).reduce(
    (largestSoFar, value) => Math.max(largestSoFar, Math.abs(value)),
    0,
  );
  return {
    stage: stageName(0, stage),
    operation: operations[stage],
    magnitude: magnitude > largest[precision] ? magnitude : null,
    precision,
    limit: largest[precision],
  };
}

function unitParameters(kind: UnitWeightKind, { config, biases }: UnitWeightSize, seed: number): Map<string, Tensor> {
  const random = seededNormal(seed);
  const parameters = new Map<string, Tensor>();
  for (const [name, shape] of layerParameters(config)) {
    const isBias = name.endsWith(".bias");
    if (!isBias) parameters.set(name, constantTensor(shape, 1));
    else if (kind === "exact")
      parameters.set(name, constantTensor(shape, name.includes("LayerNorm") ? exactOutput : 0));
    else parameters.set(name, biases?.get(name) ?? randomTensor(shape, random));
  }
  return parameters;
}

/** Standard deviation of random biases, about that of trained models. */
const biasDeviation = 0.1;

function randomTensor(shape: readonly number[], random: () => number): Tensor<"f64"> {
  // Values that float32 represents exactly, so that the original and all candidates use the same.
  const data = Float64Array.from({ length: elementCount(shape) }, () => Math.fround(biasDeviation * random()));
  return { dtype: "f64", shape, data };
}

function constantTensor(shape: readonly number[], value: number): Tensor<"f64"> {
  return { dtype: "f64", shape, data: new Float64Array(elementCount(shape)).fill(value) };
}

/** Names and shapes of layer 0's parameters. */
function layerParameters(config: ModelConfig): [string, readonly number[]][] {
  return [...expectedParameters({ ...config, layers: 1 })].filter(([name]) => name.startsWith("encoder.layer.0."));
}
