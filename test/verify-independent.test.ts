/**
 * Diagnosis of an independent kernel: a layer in plain loops (`support/independent-layer.ts`), which shares no code with
 * the engines and the hypotheses.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Checkpoint } from "../src/architectures/checkpoint.ts";
import { shapeOfStage } from "../src/architectures/index.ts";
import { encoderLayerStages } from "../src/architectures/layers/encoder-layer.ts";
import { toFloat64 } from "../src/tensor/half.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { type Precision, roundTo } from "../src/verify/layer/precision.ts";
import type { CandidateReport } from "../src/verify/report/report.ts";
import { verify } from "../src/verify/verify.ts";
import { openRandomOdd, required } from "./support/golden.ts";
import { runIndependentLayer } from "./support/independent-layer.ts";
import { shortInputs } from "./support/short-inputs.ts";

let odd: Checkpoint;
let hiddenStates: Tensor;
let attentionMask: Tensor<"i32">;
let weights: ReadonlyMap<string, Float64Array>;

beforeAll(async () => {
  odd = await openRandomOdd();
  ({ hiddenStates, attentionMask } = await shortInputs());
  const prefix = "encoder.layer.0.";
  const names = [...odd.weights.info.keys()].filter((name) => name.startsWith(prefix));
  const read = names.map(async (name) => [name.slice(prefix.length), toFloat64(await odd.weights.read(name))] as const);
  weights = new Map(await Promise.all(read));
});
afterAll(() => odd.close());

async function judge(
  deviations: readonly string[],
  precision: Precision,
  only: readonly string[] = encoderLayerStages,
  fused = true,
): Promise<CandidateReport> {
  const { config } = odd;
  const [batch = 0, sequence = 0] = attentionMask.shape;
  const { hiddenSize: hidden, heads, intermediateSize: intermediate, layerNormEps: eps } = config;
  const kernel = { deviations, round: roundTo[precision], fused };
  const size = { batch, sequence, hidden, heads, intermediate, eps };
  const weightOf = (name: string) => required(weights.get(name), name);
  const found = runIndependentLayer(size, weightOf, toFloat64(hiddenStates), attentionMask.data, kernel);
  const stages = new Map<string, Tensor>(
    encoderLayerStages
      .filter((stage) => only.includes(stage))
      .map((stage) => {
        const shape = shapeOfStage(stage, config, { batch, sequence });
        return [`layer.0.${stage}`, { dtype: "f64", shape, data: required(found.get(stage), stage) }];
      }),
  );
  const report = await verify({
    model: { name: "odd", config, read: (name) => odd.weights.read(name) },
    layers: [0],
    inputs: { hiddenStates, attentionMask },
    candidates: [{ kind: "dump", name: "independent", precision, stages, hiddenStates }],
  });
  return required(report.candidates[0]);
}

const causesOf = (report: CandidateReport) => report.layers[0]?.diagnosis.causes.map(({ id }) => id).sort();

test.each(["f16", "bf16", "f32"] as const)("a faithful kernel in %s passes, with no cause named", async (precision) => {
  for (const fused of [true, false]) {
    const report = await judge([], precision, encoderLayerStages, fused);
    expect(causesOf(report)).toEqual([]);
    expect(report.layers[0]?.diagnosis.unexplained).toEqual([]);
    expect(report.passed).toBe(true);
  }
});

test.each([
  [["no-bias:value"]],
  [["no-bias:intermediate", "relu"]],
  [["no-norm-weight:attention", "no-residual:output"]],
  [["pre-norm", "no-bias:query"]],
  [["heads-interleaved"]],
  [["transposed:output", "no-mask"]],
  [["swap-query-key", "no-bias:output"]],
])("%j are found, from every stage and from a few", async (deviations) => {
  for (const only of [encoderLayerStages, ["query", "key", "value", "output"]]) {
    const report = await judge(deviations, "f16", only);
    expect(causesOf(report), only.join()).toEqual([...deviations].sort());
  }
});

test("deviations that rounding hides from a few stages are found with every stage", async () => {
  expect(causesOf(await judge(["gelu-tanh", "scale:none"], "f16"))).toEqual(["gelu-tanh", "scale:none"]);
});
