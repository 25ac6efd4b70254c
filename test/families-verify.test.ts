/** `verify` for every family: faithful engines pass, and what a kernel does differently is named in the family's own terms. */
import * as onnxruntime from "onnxruntime-node";
import { expect, test } from "vitest";
import { deviationsOf } from "../src/architectures/deviations.ts";
import { layerProgram, type ModelConfig } from "../src/architectures/index.ts";
import { OnnxEngine } from "../src/engines/onnx/onnx-engine.ts";
import { seededNormal } from "../src/tensor/random.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { engineCandidate, imitation, type RunnableCandidate } from "../src/verify/candidate/candidate.ts";
import { inputTensors } from "../src/verify/layer/layer-inputs.ts";
import { readParameters } from "../src/verify/layer/layer-under-test.ts";
import { prepareUnitWeights, runUnitWeights, unitSequence } from "../src/verify/unit-weights.ts";
import { type DumpCandidate, verify } from "../src/verify/verify.ts";
import { required } from "./support/golden.ts";
import { goldenFamilies, goldenParameter } from "./support/golden-families.ts";

const [batch, sequence] = [2, 24];

/** Of both sequences, the second with padding. */
function layerInputs({ hiddenSize }: ModelConfig): { hiddenStates: Tensor; attentionMask: Tensor<"i32"> } {
  const normal = seededNormal(3);
  const data = Float32Array.from({ length: batch * sequence * hiddenSize }, normal);
  const mask = Int32Array.from({ length: batch * sequence }, (_, index) => (index < sequence + 17 ? 1 : 0));
  return {
    hiddenStates: { dtype: "f32", shape: [batch, sequence, hiddenSize], data },
    attentionMask: { dtype: "i32", shape: [batch, sequence], data: mask },
  };
}

/** Verifies a dump of every stage that a candidate computes. */
async function judge(config: ModelConfig, layer: number, candidate: RunnableCandidate) {
  const read = goldenParameter(config);
  const program = layerProgram(config, layer);
  const parameters = await readParameters(program, read);
  const inputs = layerInputs(config);
  const { name, precision } = candidate;
  const stages = await candidate.compute({ program, layer, parameters, inputs: inputTensors(inputs) });
  const dump: DumpCandidate = { kind: "dump", name, precision, stages, hiddenStates: inputs.hiddenStates };
  const model = { name: config.family, config, read };
  const { candidates, passed } = await verify({ model, layers: [layer], inputs, candidates: [dump] });
  const causes = candidates[0]?.layers.flatMap(({ diagnosis }) => diagnosis?.causes.map(({ id }) => id) ?? []);
  return { causes, passed };
}

const engine = engineCandidate(new OnnxEngine(onnxruntime, { executionProvider: "cpu" }), { name: "cpu" });

test.each(goldenFamilies)("$name: the CPU's layers are right, stage by stage", async ({ config }) => {
  for (const layer of [0, 1]) expect(await judge(config, layer, engine)).toEqual({ causes: [], passed: true });
});

test.each(goldenFamilies)("$name: unit weights give what they must", async ({ name, config }) => {
  const unit = prepareUnitWeights("exact", { name, config, sequence: unitSequence(config) }, { seed: 0 });
  expect((await runUnitWeights(unit, engine, { seed: 0 })).verdict).toBe("IDENTICAL");
});

test.each([
  ["albert", 0, "gelu-erf"],
  ["albert-groups", 1, "gelu-tanh"],
  ["deberta-v3", 0, "scale:one-term"],
  ["mpnet", 0, "no-bias:value"],
  ["modernbert", 1, "no-rotation"],
  ["modernbert", 1, "no-window"],
  ["modernbert", 2, "no-gate"],
  ["modernbert", 1, "no-norm-weight:mlp"],
] as const)("%s, layer %i: %s is found, and nothing else", async (name, layer, id) => {
  const { config } = required(goldenFamilies.find((family) => family.name === name));
  expect(await judge(config, layer, imitation(config, id, "f32"))).toEqual({ causes: [id], passed: false });
});

test("a GELU is a deviation only where it is not the model's own", () => {
  for (const { name, config } of goldenFamilies) {
    const ids = deviationsOf(config, 1).map(({ id }) => id);
    expect([name, ids.includes("gelu-erf"), ids.includes("gelu-tanh")]).toEqual([
      name,
      name === "albert",
      name !== "albert",
    ]);
  }
});
