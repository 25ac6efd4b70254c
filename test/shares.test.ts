/**
 * Runs of different sizes in one arena, of which the small ones have a product in shares and the others do not.
 */
import { expect, test } from "vitest";
import { interpret } from "../src/engines/reference/interpret.ts";
import type { TileKind, Tiles } from "../src/engines/webgpu/choose-tile.ts";
import { GpuDevice } from "../src/engines/webgpu/gpu-device.ts";
import { GpuProgram } from "../src/engines/webgpu/gpu-program.ts";
import { lowerToWgsl } from "../src/engines/webgpu/lower.ts";
import { packInputs, planPacking } from "../src/engines/webgpu/packing.ts";
import { Placement } from "../src/engines/webgpu/placement.ts";
import { scheduleAt } from "../src/passes/levels.ts";
import { packSequences } from "../src/passes/pack-sequences.ts";
import { loadDawn } from "../src/platform/dawn.ts";
import { bertForQuestionAnswering } from "../src/program/bert.ts";
import { inputsOf } from "../src/program/bind.ts";
import { computeOrder } from "../src/program/order.ts";
import { type Shape, selectOutputs } from "../src/program/program.ts";
import { relativeError } from "../src/verify/subject.ts";
import { required } from "./support/golden.ts";
import { layerParameters, oddLayer } from "./support/lowered-layer.ts";
import { paddedInputs } from "./support/padded-inputs.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

if (softwareGpuMissing !== undefined) console.log(`Not tested on a GPU: ${softwareGpuMissing}.`);

const config = { ...oddLayer, intermediateSize: 192 };
const output = "layer.0.output";
const plain = { workgroupMemory: 16_384, workgroupSize: 256 };

const inShares = {
  tileFor: <K extends TileKind>(kind: K, [inner]: Shape): Tiles[K] | undefined => {
    const tile = { rows: 32, columns: 32, depth: 16, parts: 1, own: [4, 4], ahead: 1, layout: "lines", shares: 3 };
    return kind === "matmul" && inner === config.intermediateSize ? (tile as unknown as Tiles[K]) : undefined;
  },
};

test.skipIf(softwareGpuMissing !== undefined)(
  "small and large runs follow each other, and all come out right",
  async () => {
    const program = required(packSequences(selectOutputs(bertForQuestionAnswering(config), [output])));
    const schedule = scheduleAt(program, "O4");
    const placement = new Placement(schedule, "f32");
    const small = { mostRows: 64, kernels: lowerToWgsl(schedule, placement, { ...plain, tiles: inShares }, 64) };
    const large = { mostRows: Number.POSITIVE_INFINITY, kernels: lowerToWgsl(schedule, placement, plain) };
    const sharesIn = ({ kernels }: typeof small): number =>
      Math.max(
        ...kernels.flatMap(({ bindings }) => bindings.map((each) => (each.kind === "tensor" ? each.shares : 1))),
      );
    expect([small, large].map(sharesIn)).toEqual([3, 1]);
    const weights = layerParameters(config);
    const device = await GpuDevice.open(await loadDawn());
    const parts = { schedule, lowerings: [small, large], placement, isTraced: false } as const;
    const compiled = await GpuProgram.create(device, parts, async (name) => required(weights.get(name)));
    for (const lengths of [[40], [70, 30], [5, 20, 39], [70, 30], [64], [1]]) {
      const given = paddedInputs(lengths, (row, position) => (row * 11 + position * 7) % config.vocabSize);
      const packing = planPacking(lengths.length, Math.max(...lengths), given.get("attention_mask"));
      const inputs = packInputs(packing, inputsOf(computeOrder(program)), given);
      const [found, expected] = await Promise.all([compiled.run(inputs), interpret(program, weights, inputs)]);
      expect(relativeError(required(expected.get(output)), required(found.get(output)))).toBeLessThan(1e-5);
    }
    compiled.dispose();
    device.destroy();
  },
  60_000,
);
