/**
 * `verify` passes faithful candidates, names the deviations of others, and makes no false claims.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Checkpoint } from "../src/architectures/checkpoint.ts";
import { deviationsOf } from "../src/architectures/deviations.ts";
import { layerProgram, stageName } from "../src/architectures/index.ts";
import { encoderLayerStages } from "../src/architectures/layers/encoder-layer.ts";
import { toFloat64 } from "../src/tensor/half.ts";
import { seededNormal } from "../src/tensor/random.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { imitation } from "../src/verify/candidate/candidate.ts";
import { fullMask } from "../src/verify/layer/layer-inputs.ts";
import { readParameters } from "../src/verify/layer/layer-under-test.ts";
import { openDump } from "../src/verify/node/open-dump.ts";
import type { CandidateReport } from "../src/verify/report/report.ts";
import { type DumpCandidate, verify } from "../src/verify/verify.ts";
import { goldenFolder, openBuiltIn, openRandomOdd, readGolden, required, unpackGolden } from "./support/golden.ts";
import { shortInputs } from "./support/short-inputs.ts";

let folder: string;
let odd: Checkpoint;
let builtIn: Checkpoint;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-verify-"));
  [odd, builtIn] = await Promise.all([openRandomOdd(), openBuiltIn()]);
});
afterAll(async () => {
  await Promise.all([odd.close(), builtIn.close(), rm(folder, { recursive: true })]);
});

interface DumpOverrides {
  readonly only?: readonly string[];
  readonly change?: (stages: Map<string, Tensor>) => void;
}

/** Verifies a dump of layer 0 from a file, or some of its stages. */
async function judge(
  checkpoint: Checkpoint,
  path: string,
  { only, change }: DumpOverrides = {},
): Promise<CandidateReport> {
  const dump = await openDump(await unpackGolden(path, folder), { config: checkpoint.config, layer: 0 });
  const hiddenStates = required(dump.hiddenStates);
  const [batch = 0, sequence = 0] = hiddenStates.shape;
  const stages = new Map<string, Tensor>(
    [...dump.stages].filter(([name]) => only === undefined || only.includes(name.split(".").at(-1) ?? "")),
  );
  change?.(stages);
  const attentionMask = dump.attentionMask ?? fullMask(batch, sequence);
  const candidate: DumpCandidate = { kind: "dump", name: path, precision: "f16", stages, hiddenStates };
  return verifyOne(checkpoint, candidate, { hiddenStates, attentionMask });
}

async function verifyOne(
  checkpoint: Checkpoint,
  candidate: DumpCandidate,
  inputs: { hiddenStates: Tensor; attentionMask: Tensor<"i32"> },
): Promise<CandidateReport> {
  const model = { name: "model", config: checkpoint.config, read: (name: string) => checkpoint.weights.read(name) };
  const report = await verify({ model, layers: [0], inputs, candidates: [candidate] });
  return required(report.candidates[0]);
}

const causesOf = (report: CandidateReport) => required(report.layers[0]).diagnosis.causes.map(({ id }) => id);
const sentenceOf = (report: CandidateReport) => required(report.layers[0]).diagnosis.sentence;

const noBiases = ["query", "key", "value", "attention-output", "intermediate", "output"].map(
  (name) => `no-bias:${name}`,
);
const noAffine = ["attention", "output"].flatMap((name) => [`no-norm-weight:${name}`, `no-norm-bias:${name}`]);

/** The actual deviations of each file of test/fixtures/golden/random-odd/candidates. */
const truth: Readonly<Record<string, { causes: readonly string[]; verdict: string }>> = {
  faithful: { causes: [], verdict: "GOOD" },
  // Its effect is a tenth of fp16's rounding and invisible, so nothing may be claimed.
  "eps-1e-5": { causes: [], verdict: "GOOD" },
  "gelu-tanh": { causes: ["gelu-tanh"], verdict: "GOOD" },
  "no-affine": { causes: noAffine, verdict: "POOR" },
  "no-bias": { causes: noBiases, verdict: "POOR" },
  "no-mask": { causes: ["no-mask"], verdict: "POOR" },
  relu: { causes: ["relu"], verdict: "POOR" },
  "scale-hidden": { causes: ["scale:hidden"], verdict: "POOR" },
  souffle: { causes: [...noBiases, ...noAffine, "relu", "scale:hidden", "no-mask"], verdict: "POOR" },
  "swap-qk": { causes: ["swap-query-key"], verdict: "POOR" },
  "wo-transposed": { causes: ["transposed:attention-output"], verdict: "POOR" },
};

describe("kernels that independent code imitated in fp16", () => {
  test("are all listed", async () => {
    const files = await readdir(`${goldenFolder}/random-odd/candidates`);
    expect(files.map((name) => name.replace(".safetensors.br", "")).sort()).toEqual(Object.keys(truth).sort());
  });

  test.each(Object.entries(truth))("%s: every stage dumped", async (name, { causes, verdict }) => {
    const report = await judge(odd, `random-odd/candidates/${name}.safetensors`);
    expect(causesOf(report).sort()).toEqual([...causes].sort());
    expect(report.verdict).toBe(verdict);
    expect(report.passed).toBe(verdict === "GOOD");
    expect(required(report.layers[0]).diagnosis.unexplained).toEqual([]);
    expect(sentenceOf(report)).toMatch(/f16 rounding/);
  });

  test.each(Object.entries(truth))("%s: only the output dumped", async (name, { causes }) => {
    const report = await judge(odd, `random-odd/candidates/${name}.safetensors`, { only: ["output"] });
    // A key's bias adds the same to all scores of a row, which the softmax cancels: only the key's stage shows it.
    const visible = causes.filter((cause) => cause !== "no-bias:key");
    expect(causesOf(report).sort()).toEqual([...visible].sort());
    expect(required(report.layers[0]).diagnosis.unexplained).toEqual([]);
  });

  test("the key's bias is reported as undecidable from the output alone", async () => {
    const report = await judge(odd, "random-odd/candidates/faithful.safetensors", { only: ["output"] });
    expect(required(report.layers[0]).diagnosis.undecidable).toContain("leaves out the bias of the key");
  });

  test("are told apart on the built-in model: a faithful one and Souffle's", async () => {
    const faithful = await judge(builtIn, "model/layer0-faithful.safetensors");
    expect(faithful.passed).toBe(true);
    expect(causesOf(faithful)).toEqual([]);
    const souffle = await judge(builtIn, "model/layer0-souffle.safetensors");
    expect(causesOf(souffle).sort()).toEqual([...noBiases, ...noAffine, "relu", "scale:hidden"].sort());
    expect(souffle.verdict).toBe("POOR");
    expect(sentenceOf(souffle)).toMatch(/^It leaves out every bias of its dense layers, applies LayerNorm without/);
  });

  test("a faithful dump of any subset of stages is good", async () => {
    const path = "random-odd/candidates/faithful.safetensors";
    const whole = await judge(odd, path, { only: ["context", "output"] });
    expect(whole.passed).toBe(true);
    expect(causesOf(whole)).toEqual([]);
  });

  test("a faithful dump without the layer's output proves nothing of the layer, and says so", async () => {
    for (const only of [["query", "attention_output"], ["intermediate"]]) {
      const report = await judge(odd, "random-odd/candidates/faithful.safetensors", { only });
      expect(report, only.join()).toMatchObject({ verdict: "INCONCLUSIVE", passed: false });
      expect(report.inconclusive).toMatch(
        new RegExp(`^${only.length} of 11 stages of layer 0 .* output was not among`),
      );
      expect(causesOf(report), only.join()).toEqual([]);
    }
  });
});

describe("every hypothesis, imitated in fp16", () => {
  const ids = deviationsOf(
    {
      vocabSize: 211,
      hiddenSize: 96,
      layers: 3,
      heads: 3,
      intermediateSize: 160,
      maxPositions: 80,
      family: "bert" as const,
      tokenTypes: 2,
      layerNormEps: 1e-12,
      padTokenId: 0,
    },
    0,
  ).map(({ id }) => id);

  /** Too small for fp16 on rows of this size, so nothing may be claimed. */
  const invisible = new Set(["eps:0.00001", "eps:0.000001"]);

  test.each(ids)("%s is found, and nothing else", async (id) => {
    const { config } = odd;
    const { hiddenStates, attentionMask } = await shortInputs();
    const program = layerProgram(config, 0);
    const parameters = await readParameters(program, (name) => odd.weights.read(name));
    const inputs = new Map<string, Tensor>([
      ["hidden_states", hiddenStates],
      ["attention_mask", attentionMask],
    ]);
    const stages = await imitation(config, id, "f16").compute({ program, layer: 0, parameters, inputs });
    const candidate: DumpCandidate = { kind: "dump", name: id, precision: "f16", stages, hiddenStates };
    const report = await verifyOne(odd, candidate, { hiddenStates, attentionMask });
    expect(causesOf(report)).toEqual(invisible.has(id) ? [] : [id]);
  });
});

describe("a deviation outside the hypotheses", () => {
  test("is estimated if it is an unusual scale", async () => {
    const factor = 0.31;
    const report = await judge(odd, "random-odd/candidates/faithful.safetensors", {
      only: ["query", "key", "attention_scores"],
      change: (stages) => {
        const scores = required(stages.get("layer.0.attention_scores"));
        const data = toFloat64(scores).map((value) => value * factor * Math.sqrt(32));
        stages.set("layer.0.attention_scores", { dtype: "f64", shape: scores.shape, data });
      },
    });
    expect(causesOf(report)).toEqual(["scale:other"]);
    expect(sentenceOf(report)).toMatch(/multiplies the attention scores by about = 0\.31|0\.31/);
  });

  test("is reported as unexplained, without claims", async () => {
    const random = seededNormal(5);
    const report = await judge(odd, "random-odd/candidates/faithful.safetensors", {
      change: (stages) => {
        const dense = required(stages.get("layer.0.output_dense"));
        const data = toFloat64(dense).map((value) => value * (1 + 0.2 * random()));
        stages.set("layer.0.output_dense", { dtype: "f64", shape: dense.shape, data });
      },
    });
    expect(causesOf(report)).toEqual([]);
    expect(required(report.layers[0]).diagnosis.unexplained).toContain("layer.0.output_dense");
    expect(sentenceOf(report)).toContain("Unexplained");
    expect(report.passed).toBe(false);
  });

  test("is recognised if the output is the next layer's", async () => {
    // PyTorch's, in float64.
    const afterTwo = required((await readGolden("random-odd/golden.safetensors")).get("layer.1.output"));
    const report = await judge(odd, "random-odd/candidates/faithful.safetensors", {
      only: ["output"],
      change: (stages) => stages.set("layer.0.output", afterTwo),
    });
    expect(sentenceOf(report)).toMatch(/^layer\.0\.output is what the original has after layer 1: /);
    expect(causesOf(report)).toEqual([]);
    expect(report.passed).toBe(false);
  });

  test("is recognised if the tensors are another model's", async () => {
    const random = seededNormal(9);
    const report = await judge(odd, "random-odd/candidates/faithful.safetensors", {
      change: (stages) => {
        for (const [name, { shape }] of stages) {
          const data = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, random);
          stages.set(name, { dtype: "f64", shape, data });
        }
      },
    });
    expect(report.verdict).toBe("POOR");
    expect(causesOf(report)).toEqual([]);
    expect(sentenceOf(report)).toMatch(/not correlated with the original.*another model's/);
  });

  test("is located if it is a NaN, except in padding", async () => {
    const nan = (where: "real" | "padding") => ({
      change: (stages: Map<string, Tensor>) => {
        const context = required(stages.get("layer.0.context"));
        const data = toFloat64(context).slice();
        // The first sequence has 7 tokens of 64; the rest is padding.
        const row = where === "real" ? 3 : 40;
        data[row * 96 + 5] = Number.NaN;
        stages.set("layer.0.context", { dtype: "f64", shape: context.shape, data });
      },
    });
    const broken = await judge(odd, "random-odd/candidates/faithful.safetensors", nan("real"));
    expect(broken.verdict).toBe("NON-FINITE");
    const layer = required(broken.layers[0]);
    expect(layer.firstDivergent).toBe("layer.0.context");
    const context = required(layer.stages.find(({ stage }) => stage === "layer.0.context"));
    expect(required(context.propagated ?? undefined).statistics.firstNonFinite?.index).toEqual([0, 3, 5]);
    const padded = await judge(odd, "random-odd/candidates/faithful.safetensors", nan("padding"));
    expect(padded.passed).toBe(true);
  });
});

test("the stages of a layer have the names that dumps use", () => {
  expect(encoderLayerStages.map((stage) => stageName(3, stage))).toContain("layer.3.attention_output_dense");
  expect([...layerProgram(odd.config, 0).outputs.keys()]).toEqual(
    encoderLayerStages.map((stage) => stageName(0, stage)),
  );
});
