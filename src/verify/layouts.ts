/**
 * The demo's five weight layouts: the same kernel, with the same weights in five orders.
 *
 * The candidate does not know the layout: it gets flat buffers with the declared shapes, Hugging Face's [out, in]. Two of
 * the five have the bytes of the original; the others must give poor matches, each recognised as its layout.
 */

import type { Deviation } from "../architectures/deviations.ts";
import { layerProgram, placeOfParameter, stageName } from "../architectures/index.ts";
import type { Part } from "../architectures/parts.ts";
import { toFloat64 } from "../tensor/half.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { applyAll, type RunnableCandidate } from "./candidate/candidate.ts";
import { compareStage } from "./compare/compare-stage.ts";
import { cornersOf } from "./compare/corners.ts";
import { realRows } from "./compare/positions.ts";
import { inputTensors } from "./layer/layer-inputs.ts";
import { compute, type LayerUnderTest, relativeError } from "./layer/layer-under-test.ts";
import { required } from "./layer/required.ts";
import type { LayoutReport } from "./report/report.ts";
import { isMatch } from "./report/verdict.ts";

interface Layout {
  readonly name: string;
  /** What it is recognised as: which matrices have the bytes of the transpose. */
  readonly transposed: string;
}

const nothing = "the original layout";
const attention = "Q, K, V transposed";
const everything = "everything transposed";
const attentionOutput = "the attention output transposed";

const layouts: readonly Layout[] = [
  { name: "Q, K, V stacked, nothing transposed", transposed: nothing },
  { name: "Q, K, V stacked and transposed", transposed: attention },
  { name: "everything transposed", transposed: everything },
  { name: "only the attention output transposed", transposed: attentionOutput },
  { name: "Hugging Face's layout as it is", transposed: nothing },
];

/** Whether a layout has the bytes of the transpose for a matrix of this part. */
const isTransposed: Readonly<Record<string, (part: Part) => boolean>> = {
  [nothing]: () => false,
  [attention]: (part) => part === "query, key, value",
  [everything]: (part) => part !== "embeddings",
  [attentionOutput]: (part) => part === "attention output",
};

export interface LayoutOptions {
  /** The candidate's known deviations, with which its layouts are recognised. */
  readonly deviations: readonly Deviation[];
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}

export async function verifyLayouts(
  subject: LayerUnderTest,
  candidate: RunnableCandidate,
  { deviations, limit, signal, onStep }: LayoutOptions,
): Promise<LayoutReport[]> {
  const { config, layer, inputs } = subject;
  const output = stageName(layer, "output");
  // All stages, though only the output is compared, because an ordinary implementation stores and rounds them.
  const program = layerProgram(config, layer);
  const feeds = inputTensors(inputs);
  const outputOf = (tensors: ReadonlyMap<string, Tensor>): Tensor => required(tensors.get(output));
  const [batch = 0, sequence = 0] = inputs.attentionMask.shape;
  const { precision } = candidate;
  const original = outputOf(await compute(program, subject.parameters, feeds, { signal }));
  const ordinary = outputOf(await compute(program, subject.parameters, feeds, { signal, precision }));
  const isReal = realRows(inputs.attentionMask.data, batch, sequence)(original.shape);

  const known = new Map<string, { readonly exact: Tensor; readonly budget: number }>();
  const deviating = applyAll(program, deviations);
  for (const key of new Set(layouts.map(({ transposed }) => transposed))) {
    onStep?.(`computing layout ${key}`);
    const parameters = withTransposed(subject, key);
    const exact = outputOf(await compute(deviating, parameters, feeds, { signal }));
    const rounded = outputOf(await compute(deviating, parameters, feeds, { signal, precision }));
    known.set(key, { exact, budget: relativeError(exact, rounded, isReal) });
  }

  const reports: LayoutReport[] = [];
  for (const [index, { name, transposed }] of layouts.entries()) {
    onStep?.(`running layout ${index + 1}`);
    const parameters = withTransposed(subject, transposed);
    const task = { program, wanted: [output], layer, parameters, inputs: feeds, signal };
    const found = outputOf(await candidate.compute(task));
    const comparison = compareStage({ original, candidate: found, ordinary, precision, isReal, limit });
    const recognised = recognise(found, known, limit, isReal);
    const expected = transposed === nothing ? "original" : "poor";
    const fits = recognised === transposed;
    reports.push({
      number: index + 1,
      name,
      comparison,
      delta: cornersOf(difference(found, original)),
      sameBytesAs: layouts.flatMap((other, at) => (at !== index && other.transposed === transposed ? [at + 1] : [])),
      expected,
      recognised,
      asExpected: fits && (expected === "original" ? isMatch(comparison.verdict) : comparison.verdict === "POOR"),
    });
  }
  return reports;
}

/** The layout whose output this is, up to rounding. */
function recognise(
  found: Tensor,
  known: ReadonlyMap<string, { readonly exact: Tensor; readonly budget: number }>,
  limit: number,
  isReal: ((index: number) => boolean) | undefined,
): string | null {
  for (const [key, { exact, budget }] of known) {
    if (relativeError(exact, found, isReal) <= limit * budget) return key;
  }
  return null;
}

/** The layer's parameters, some matrices with the bytes of the transpose under the declared shape. */
function withTransposed({ parameters }: LayerUnderTest, layout: string): Map<string, Tensor> {
  return new Map(
    [...parameters].map(([name, tensor]) => {
      const isMatrix = name.endsWith(".weight") && tensor.shape.length === 2;
      if (!isMatrix || !isTransposed[layout]?.(placeOfParameter(name).part)) return [name, tensor];
      return [name, { ...tensor, data: transposedBytes(tensor.data, tensor.shape) }];
    }),
  );
}

function transposedBytes(data: Float64Array, shape: readonly number[]): Float64Array {
  const [rows = 0, columns = 0] = shape;
  return data.map((_, index) => data[(index % rows) * columns + Math.floor(index / rows)] as number);
}

function difference(found: Tensor, original: Tensor): Tensor<"f64"> {
  const wanted = toFloat64(original);
  return {
    dtype: "f64",
    shape: original.shape,
    data: toFloat64(found).map((value, index) => value - (wanted[index] as number)),
  };
}
