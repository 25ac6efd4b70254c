/**
 * The unit-weight tests: a layer whose weights are all one, on which many kernels overflow unnoticed.
 *
 * *Exact*: input one, dense weights one, dense biases zero, LayerNorm weight one and bias 0.5. Every intermediate is a whole
 * number that each precision represents or a sum that float32 represents, every LayerNorm gets equal elements, and the
 * output is 0.5 everywhere, at any size; where LayerNorm comes first instead, without bias, all it feeds is zero, and the
 * output is the input. The test relies on this argument, not on an implementation.
 *
 * *The demo's*: every weight becomes one and the biases stay. The sums are near 589,824 for BERT-base, where float32 has a
 * spacing of 1/16, so no float32 implementation can agree closely: the output must be finite, and the difference is reported
 * but not judged.
 */

import { bertBase } from "../architectures/bert/bert-base.ts";
import {
  architectureOf,
  layerParameters,
  layerProgram,
  layerStagesOf,
  type ModelConfig,
  stageName,
} from "../architectures/index.ts";
import { toFloat64 } from "../tensor/half.ts";
import { seededNormal } from "../tensor/random.ts";
import { elementCount, type Tensor } from "../tensor/tensor.ts";
import type { RunnableCandidate } from "./candidate/candidate.ts";
import { compareTensors } from "./compare/compare.ts";
import { cornersOf } from "./compare/corners.ts";
import { fullMask, inputTensors } from "./layer/layer-inputs.ts";
import { compute } from "./layer/layer-under-test.ts";
import { largest, type Precision } from "./layer/precision.ts";
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

/** The output of the exact test, by construction, where a LayerNorm comes last. */
const exactOutput = 0.5;

/** Whether a layer's output is that of a LayerNorm; otherwise it is the input, 1, plus what vanishes in the exact test. */
function isPostNorm(config: ModelConfig): boolean {
  return [...architectureOf(config).modules.values()].some(({ part }) => part === "output LayerNorm");
}

/** The operation that computes each stage, for reports of an overflow. */
const operations: Readonly<Record<string, string>> = {
  attention_norm: "the LayerNorm before attention",
  query: "the query's matrix product and bias",
  key: "the key's matrix product and bias",
  value: "the value's matrix product and bias",
  query_rotated: "the rotation of the queries",
  key_rotated: "the rotation of the keys",
  attention_scores: "the product of queries and keys",
  attention_probs: "the softmax",
  context: "the weighted sum of the values",
  attention_output_dense: "the attention output's matrix product and bias",
  attention_output: "the residual sum and LayerNorm after attention",
  mlp_norm: "the LayerNorm before feed-forward",
  intermediate: "the intermediate matrix product, bias and GELU",
  output_dense: "the output's matrix product and bias",
  output: "the residual sum and LayerNorm after feed-forward",
};

/** The layer that is tested: with LayerNorms first, the second, because the first may lack one. */
export const unitLayer = (config: ModelConfig): number => (isPostNorm(config) ? 0 : 1);

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
  const program = layerProgram(config, unitLayer(config));
  const parameters = unitParameters(kind, size, seed);
  const inputs = inputTensors({
    hiddenStates: constantTensor([1, sequence, config.hiddenSize], 1),
    attentionMask: fullMask(1, sequence),
  });
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
  const program = layerProgram(size.config, unitLayer(size.config));
  const outputName = stageName(unitLayer(size.config), "output");
  const task = { program, layer: unitLayer(size.config), parameters, inputs, signal };
  // An imitation computes every stage in any case; an engine's kernels may be others where only the output is wanted.
  const isInstrumented = candidate.kind === "imitation";
  const stages = await candidate.compute(isInstrumented ? task : { ...task, wanted: [outputName] });
  const found = required(stages.get(outputName));
  const expected =
    kind === "exact"
      ? constantTensor(found.shape, isPostNorm(size.config) ? exactOutput : 1)
      : required((await original()).get(outputName));
  const statistics = compareTensors({ original: expected, candidate: found, precision });
  const nonFinite = statistics.nan + statistics.infinite;
  const overflow =
    nonFinite === 0
      ? null
      : await findOverflow(test, precision, isInstrumented ? stages : await candidate.compute(task));
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

/** The first of a candidate's stages with a NaN or an infinity, and the original's magnitude there. */
async function findOverflow(
  { size, original }: UnitWeightTest,
  precision: Precision,
  stages: ReadonlyMap<string, Tensor>,
): Promise<Overflow> {
  const stage =
    layerStagesOf(size.config).find(
      (kind) => !toFloat64(required(stages.get(stageName(unitLayer(size.config), kind)))).every(Number.isFinite),
    ) ?? "output";
  const magnitude = toFloat64(required((await original()).get(stageName(unitLayer(size.config), stage)))).reduce(
    (largestSoFar, value) => Math.max(largestSoFar, Math.abs(value)),
    0,
  );
  return {
    stage: stageName(unitLayer(size.config), stage),
    operation: operations[stage] ?? stage,
    magnitude: magnitude > largest[precision] ? magnitude : null,
    precision,
    limit: largest[precision],
  };
}

function unitParameters(kind: UnitWeightKind, { config, biases }: UnitWeightSize, seed: number): Map<string, Tensor> {
  const random = seededNormal(seed);
  const parameters = new Map<string, Tensor>();
  for (const [name, shape] of layerParameters({ ...config, layers: unitLayer(config) + 1 }, unitLayer(config))) {
    const isBias = name.endsWith(".bias");
    if (!isBias) parameters.set(name, constantTensor(shape, 1));
    else if (kind === "exact")
      parameters.set(name, constantTensor(shape, isPostNorm(config) && /norm/i.test(name) ? exactOutput : 0));
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
