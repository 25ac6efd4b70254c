/**
 * An engine is judged on the stages that the kernels of its users write; the instrumented run only locates a fault, and a
 * report says which figures are from which run.
 */
import * as onnxruntime from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Checkpoint } from "../src/architectures/checkpoint.ts";
import { layerProgram } from "../src/architectures/index.ts";
import { encoderLayerStages } from "../src/architectures/layers/encoder-layer.ts";
import { layerInputs } from "../src/cli/verify/inputs.ts";
import type { Engine } from "../src/engines/engine.ts";
import { OnnxEngine } from "../src/engines/onnx/onnx-engine.ts";
import { ReferenceEngine } from "../src/engines/reference/reference-engine.ts";
import { WebGpuEngine } from "../src/engines/webgpu/webgpu-engine.ts";
import { loadDawn } from "../src/platform/dawn.ts";
import { toFloat32 } from "../src/tensor/half.ts";
import { seededNormal } from "../src/tensor/random.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { engineCandidate } from "../src/verify/candidate/candidate.ts";
import { fullMask } from "../src/verify/layer/layer-inputs.ts";
import { readParameters } from "../src/verify/layer/layer-under-test.ts";
import type { LayerReport } from "../src/verify/report/report.ts";
import { isMatch } from "../src/verify/report/verdict.ts";
import { verifyRunnable } from "../src/verify/verify-layer.ts";
import { openBuiltIn, openRandomOdd } from "./support/golden.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

let checkpoint: Checkpoint;
beforeAll(async () => {
  checkpoint = await openRandomOdd();
});
afterAll(() => checkpoint.close());

/** The first layer on six tokens. */
async function judge(engine: Engine): Promise<LayerReport> {
  const { config } = checkpoint;
  const normal = seededNormal(3);
  const data = Float32Array.from({ length: 6 * config.hiddenSize }, normal);
  const hidden: Tensor = { dtype: "f32", shape: [1, 6, config.hiddenSize], data };
  const inputs = { hiddenStates: hidden, attentionMask: fullMask(1, 6) };
  const parameters = await readParameters(layerProgram(config, 0), (name) => checkpoint.weights.read(name));
  const { report } = await verifyRunnable(
    { config, layer: 0, parameters, inputs },
    engineCandidate(engine),
    { original: hidden, ordinary: hidden, candidate: hidden },
    { limit: 2 },
  );
  return report;
}

const stagesWith = ({ stages }: LayerReport, flag: "production" | "judged"): string[] =>
  stages.flatMap((stage) => (stage[flag] ? [stage.stage.replace("layer.0.", "")] : []));

interface FakeOptions {
  readonly observes?: boolean;
  /** A stage that is a little too large in one of the runs. */
  readonly wrong?: { readonly run: "production" | "instrumented"; readonly stage: string };
}

/** The interpreter, as an engine whose kernels also write `query` and `context`. */
function fakeEngine({ observes = true, wrong }: FakeOptions): Engine {
  const reference = new ReferenceEngine();
  return {
    name: "fake",
    observes,
    async compile({ outputs, observed }, readParameter) {
      const written = [...(observed ?? [])].filter(([name]) => /\.(query|context)$/.test(name));
      const executable = await reference.compile({ outputs: new Map([...outputs, ...written]) }, readParameter);
      const isWrong = (name: string) =>
        wrong?.run === (observed ? "production" : "instrumented") && name === `layer.0.${wrong.stage}`;
      return {
        description: "fake",
        dispose: () => executable.dispose(),
        run: async (inputs, { observe } = {}) => {
          const results = [...(await executable.run(inputs))];
          const given = results.filter(([name]) => outputs.has(name) || (observes && observe));
          return new Map(given.map(([name, tensor]) => [name, isWrong(name) ? enlarged(tensor) : tensor]));
        },
      };
    },
  };
}

const enlarged = (tensor: Tensor): Tensor => {
  return { dtype: "f32", shape: tensor.shape, data: toFloat32(tensor).map((element) => 1.05 * element) };
};

test("padding asked for by --sequence-length is not compared", async () => {
  const builtIn = await openBuiltIn();
  const { config, weights } = builtIn;
  const { embeddings, ...inputs } = await layerInputs(builtIn, 0, { source: "text", text: "Short." }, 24, 0);
  const parameters = await readParameters(layerProgram(config, 0), (name) => weights.read(name));
  const { tensor } = embeddings;
  const { report } = await verifyRunnable(
    { config, layer: 0, parameters, inputs },
    engineCandidate(new OnnxEngine(onnxruntime, { executionProvider: "cpu" })),
    { original: tensor, ordinary: tensor, candidate: tensor },
    { limit: 2 },
  );
  expect(report.verdict).toBe("GOOD");
  // [CLS] short . [SEP], of 24.
  expect(report.stages.at(-1)?.propagated?.statistics.count).toBe(4 * 256);
  await builtIn.close();
});

describe("an engine that can be observed", () => {
  test("is judged at the stages that its own kernels write", async () => {
    const report = await judge(fakeEngine({}));
    expect(stagesWith(report, "production")).toEqual(["query", "context", "output"]);
    expect(stagesWith(report, "judged")).toEqual(["query", "context", "output"]);
    expect(report.stages.map(({ stage }) => stage)).toEqual(encoderLayerStages.map((stage) => `layer.0.${stage}`));
    expect(isMatch(report.verdict)).toBe(true);
    expect(report.diagnosis.sentence).toMatch(/^It is identical/);
  });

  test("fails for a fault in these, also if the instrumented run does not have it", async () => {
    const report = await judge(fakeEngine({ wrong: { run: "production", stage: "context" } }));
    expect(report.verdict).toBe("FAIR");
    expect(report.firstDivergent).toBe("layer.0.context");
    expect(report.diagnosis.sentence).toMatch(
      /^The kernels that users run diverge at layer\.0\.context, and .* do not/,
    );
  });

  test.each(["context", "attention_output_dense"] as const)(
    "does not fail for the %s of the instrumented run, but reports it",
    async (stage) => {
      const report = await judge(fakeEngine({ wrong: { run: "instrumented", stage } }));
      expect(isMatch(report.verdict)).toBe(true);
      expect(report.diagnosis.sentence).toMatch(
        `faults, are not, first at layer.0.${stage}. What follows is about them.`,
      );
      expect(report.firstDivergent).toBe(stage === "context" ? null : `layer.0.${stage}`);
    },
  );
});

test("an engine that cannot be observed is judged at every stage", async () => {
  const report = await judge(fakeEngine({ observes: false, wrong: { run: "instrumented", stage: "context" } }));
  expect(stagesWith(report, "production")).toEqual(["output"]);
  expect(stagesWith(report, "judged")).toEqual(encoderLayerStages);
  expect(report.verdict).toBe("FAIR");
  expect(report.firstDivergent).toBe("layer.0.context");
});

test.skipIf(softwareGpuMissing !== undefined)("the fused kernels of a GPU pass, stage by stage", async () => {
  const gpu = new WebGpuEngine(await loadDawn(), { level: "O3", precision: "f32", skipSelfTest: true });
  const reference = new ReferenceEngine();
  // The instrumented kernels take the software GPU a minute to compile, and are not tested here.
  const report = await judge({
    name: "webgpu O3",
    observes: gpu.observes,
    compile: (program, read) => (program.observed ? gpu : reference).compile(program, read),
  });
  await gpu.dispose();
  const written = ["query", "key", "value", "context", "intermediate", "output"];
  expect(stagesWith(report, "production")).toEqual(written);
  expect(stagesWith(report, "judged")).toEqual(written);
  for (const { stage, production, propagated } of report.stages) {
    if (production) expect(propagated?.verdict, stage).toBe("GOOD");
  }
  expect(report.verdict).toBe("GOOD");
});
