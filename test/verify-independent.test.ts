/**
 * Diagnosis of an independent kernel: a layer in plain loops (`support/independent-layer.ts`), which shares no code with
 * the engines and the hypotheses.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Checkpoint } from "../src/architectures/checkpoint.ts";
import { shapeOfStage } from "../src/architectures/index.ts";
import { encoderLayerStages } from "../src/architectures/layers/encoder-layer.ts";
import { toFloat64 } from "../src/tensor/half.ts";
import { seededUniform } from "../src/tensor/random.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { type Precision, roundTo } from "../src/verify/layer/precision.ts";
import type { CandidateReport, LayerReport } from "../src/verify/report/report.ts";
import { verify } from "../src/verify/verify.ts";
import { openRandomOdd, required } from "./support/golden.ts";
import { dumpPoints, runIndependentLayer } from "./support/independent-layer.ts";
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
  dumpAt: Readonly<Record<string, string>> = {},
  dumpsInput = true,
): Promise<CandidateReport> {
  const { config } = odd;
  const [batch = 0, sequence = 0] = attentionMask.shape;
  const { hiddenSize: hidden, heads, intermediateSize: intermediate, layerNormEps: eps } = config;
  const kernel = { deviations, round: roundTo[precision], fused, dumpAt };
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
    candidates: [
      { kind: "dump", name: "independent", precision, stages, hiddenStates: dumpsInput ? hiddenStates : undefined },
    ],
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

describe("stages dumped at other points", () => {
  test.each(Object.entries(dumpPoints).flatMap(([stage, points]) => points.map((point) => [stage, point] as const)))(
    "%s %s: the kernel is right, and the sentence says where",
    async (stage, point) => {
      const report = await judge([], "f16", encoderLayerStages, true, { [stage]: point });
      const [layer] = report.layers;
      expect(layer?.diagnosis.causes).toEqual([]);
      expect(layer?.diagnosis.unexplained).toEqual([]);
      expect(report.passed).toBe(true);
      // Numbers at masked keys are no part of the scores, wherever they come from.
      const isElsewhere = !/mask/.test(point);
      expect(layer?.stages.find(({ dumpedElsewhere }) => dumpedElsewhere !== null)?.stage).toBe(
        isElsewhere ? `layer.0.${stage}` : undefined,
      );
      if (isElsewhere) expect(layer?.diagnosis.sentence).toMatch(new RegExp(`^${stage} is dumped (before|after) `));
    },
  );

  test("without the layer's input too", async () => {
    const report = await judge(
      [],
      "f16",
      ["attention_output", "intermediate", "output_dense", "output"],
      true,
      {
        intermediate: "before the activation",
      },
      false,
    );
    const intermediate = report.layers[0]?.stages.find(({ stage }) => stage === "layer.0.intermediate");
    expect(intermediate).toMatchObject({ dumpedElsewhere: "before the activation", shadow: { verdict: "GOOD" } });
    expect(report.layers[0]?.diagnosis.causes).toEqual([]);
    expect(report.passed).toBe(true);
  });

  test("right kernels, dumped at random points and precisions, are never said to deviate", async () => {
    const random = seededUniform(41);
    for (let kernel = 0; kernel < 40; kernel++) {
      const { report, dumpAt, what } = await judgeRandom(random, [], 0.4);
      const [layer] = report.layers;
      expect(layer?.diagnosis.causes, what).toEqual([]);
      expect(layer?.diagnosis.resembles, what).toEqual([]);
      expectTruePlaces(layer, dumpAt, what);
    }
  });

  test("a kernel's deviation is found behind them, and nothing else is claimed", async () => {
    const random = seededUniform(42);
    for (const deviation of [
      "no-bias:value",
      "relu",
      "no-mask",
      "scale:hidden",
      "swap-query-key",
      "no-residual:output",
    ]) {
      const { report, dumpAt, what } = await judgeRandom(random, [deviation], 0.3);
      const [layer] = report.layers;
      expect(
        layer?.diagnosis.causes.map(({ id }) => id),
        what,
      ).toEqual([deviation]);
      expectTruePlaces(layer, dumpAt, what);
    }
  });
});

/** A kernel that dumps most stages, each with some probability at a random point. */
async function judgeRandom(random: () => number, deviations: readonly string[], probability: number) {
  const pick = <T>(choices: readonly T[]): T => required(choices[Math.floor(random() * choices.length)]);
  const dumpAt = Object.fromEntries(
    Object.entries(dumpPoints).flatMap(([stage, points]) => (random() < probability ? [[stage, pick(points)]] : [])),
  );
  const precision = pick(["f16", "bf16", "f32"] as const);
  const only = encoderLayerStages.filter((stage) => stage === "output" || random() < 0.8);
  const report = await judge(deviations, precision, only, random() < 0.5, dumpAt);
  const what = JSON.stringify({ deviations, dumpAt, precision, only, says: report.layers[0]?.diagnosis.sentence });
  return { report, dumpAt, what };
}

/** Only stages that were dumped elsewhere are said to be. */
function expectTruePlaces(
  layer: LayerReport | undefined,
  dumpAt: Readonly<Record<string, string>>,
  what: string,
): void {
  for (const { stage, dumpedElsewhere } of layer?.stages ?? []) {
    if (dumpedElsewhere !== null) expect(Object.keys(dumpAt), what).toContain(stage.replace("layer.0.", ""));
  }
}
