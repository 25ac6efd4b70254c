import { expect, test } from "vitest";
import { expectSame } from "../../test/support/compare-tensors.ts";
import { openRandomOdd, positionIds, required } from "../../test/support/golden.ts";
import { bertForQuestionAnswering } from "../architectures/bert/program.ts";
import type { ModelConfig } from "../architectures/index.ts";
import { layerProgramWithKeys } from "../architectures/index.ts";
import { interpret } from "../engines/reference/interpret.ts";
import { packInputs, planPacking, unpack } from "../engines/webgpu/run/packing.ts";
import { inputsOf } from "../program/bind.ts";
import { computeOrder } from "../program/order.ts";
import { observeOthers, selectOutputs } from "../program/program.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { assumeUnmasked } from "./assume-unmasked.ts";
import { packSequences } from "./pack-sequences.ts";

const names = ["layer.0.attention_scores", "layer.1.attention_probs", "layer.2.output", "start_logits"];

const integers = (shape: number[], of: (index: number) => number): Tensor => ({
  dtype: "i32",
  shape,
  data: Int32Array.from({ length: (shape[0] ?? 0) * (shape[1] ?? 0) }, (_, index) => of(index)),
});

async function oddConfig(): Promise<ModelConfig> {
  const checkpoint = await openRandomOdd();
  await checkpoint.close();
  return checkpoint.config;
}

async function parametersOf(program: Parameters<typeof computeOrder>[0]) {
  const checkpoint = await openRandomOdd();
  const parameters = new Map<string, Tensor>();
  for (const { operation } of computeOrder(program)) {
    if (operation.kind === "parameter") parameters.set(operation.name, await checkpoint.weights.read(operation.name));
  }
  await checkpoint.close();
  return parameters;
}

test.each([
  ["padding behind the end", [..."111111111100000000111100000"].map(Number)],
  ["no padding", undefined],
  ["holes", [..."101101110011000000100000001"].map(Number)],
])("a packed batch equals the padded one at real positions: %s", async (_, bits) => {
  const config = await oddConfig();
  const masked = selectOutputs(bertForQuestionAnswering(config), names);
  const program = bits ? masked : assumeUnmasked(masked);
  const packed = required(packSequences(program));
  const parameters = await parametersOf(program);
  const mask = bits && integers([3, 9], (index) => bits[index] ?? 0);
  const inputs = new Map<string, Tensor>([
    ["input_ids", integers([3, 9], (index) => (index * 37) % config.vocabSize)],
    ["token_type_ids", integers([3, 9], (index) => index % 2)],
    ["position_ids", positionIds(3, 9)],
    ...(mask ? [["attention_mask", mask] as const] : []),
  ]);
  const packing = planPacking(3, 9, mask);
  const expected = await interpret(program, parameters, inputs);
  const found = await interpret(packed, parameters, packInputs(packing, inputsOf(computeOrder(packed)), inputs));
  for (const name of names) {
    const { shape, data } = required(expected.get(name));
    const { data: packedData, shape: packedShape } = required(found.get(name));
    const axes = required(program.outputs.get(name)).shape.map((extent) => extent === "sequence");
    const single: Tensor<"f32"> = { dtype: "f32", shape: packedShape, data: Float32Array.from(packedData) };
    const unpacked = unpack(packing, single, shape, axes).data;
    const isReal = realElements(shape, axes, bits);
    let compared = 0;
    data.forEach((value, index) => {
      if (!isReal(index)) return;
      compared++;
      expect(Math.abs((unpacked[index] ?? Number.NaN) - value), `${name} ${index}`).toBeLessThan(1e-5);
    });
    expect(compared).toBeGreaterThan(9);
  }
});

test("observed stages are packed like outputs", async () => {
  const config = await oddConfig();
  const program = bertForQuestionAnswering(config);
  const stages = names.slice(0, 3);
  const kept = required(packSequences(selectOutputs(program, stages)));
  const { observed } = required(packSequences(observeOthers(program, ["start_logits"])));
  const outputs = new Map(stages.map((name) => [name, required(observed?.get(name), name)]));
  const inputs = new Map<string, Tensor>([
    ["input_ids", integers([1, 5], (index) => index + 7)],
    ["token_type_ids", integers([1, 5], () => 0)],
    ["position_ids", positionIds(1, 5)],
  ]);
  const packed = packInputs(planPacking(1, 5, undefined), inputsOf(computeOrder(kept)), inputs);
  const parameters = await parametersOf(program);
  expectSame(
    await interpret({ outputs }, parameters, packed),
    await interpret(kept, parameters, packed),
    0,
    "observed",
  );
});

/** Selects elements at which no sequence coordinate is padding. */
function realElements(shape: readonly number[], axes: readonly boolean[], bits: readonly number[] | undefined) {
  return (index: number): boolean => {
    let rest = index;
    const coordinates = shape.map(() => 0);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      coordinates[axis] = rest % (shape[axis] ?? 1);
      rest = Math.floor(rest / (shape[axis] ?? 1));
    }
    const row = coordinates[0] ?? 0;
    return axes.every((isSequence, axis) => !isSequence || (bits?.[row * 9 + (coordinates[axis] ?? 0)] ?? 1) === 1);
  };
}

test("does not apply to separate keys", async () => {
  const config = await oddConfig();
  expect(packSequences(selectOutputs(layerProgramWithKeys(config, 0), ["layer.0.output"]))).toBeUndefined();
});
