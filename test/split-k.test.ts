/** Runs of different sizes in one arena, of which only the small ones split K. */
import { expect, test } from "vitest";
import { bertForQuestionAnswering } from "../src/architectures/bert/program.ts";
import { interpret } from "../src/engines/reference/interpret.ts";
import { GpuDevice } from "../src/engines/webgpu/device/gpu-device.ts";
import { lowerToWgsl } from "../src/engines/webgpu/plan/lower.ts";
import { Placement } from "../src/engines/webgpu/plan/placement.ts";
import { GpuProgram } from "../src/engines/webgpu/run/gpu-program.ts";
import { loadDawn } from "../src/platform/dawn.ts";
import { selectOutputs } from "../src/program/program.ts";
import { packSequences } from "../src/rewrites/pack-sequences.ts";
import { scheduleAt } from "../src/schedule/levels.ts";
import { relativeError } from "../src/verify/layer/layer-under-test.ts";
import { required } from "./support/golden.ts";
import { divisibleLayer as config, layerParameters, packedInputs } from "./support/lowered-layer.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";
import { maxSplitKOf, smallTile, tileOfK } from "./support/split-k.ts";

if (softwareGpuMissing !== undefined) console.log(`Not tested on a GPU: ${softwareGpuMissing}.`);

const output = "layer.0.output";
const plain = { workgroupMemory: 16_384, workgroupSize: 256 };

const splitK = tileOfK(config.intermediateSize, { ...smallTile, splitK: 3 });

test.skipIf(softwareGpuMissing !== undefined)(
  "small and large runs in turn all compute correctly",
  async () => {
    const program = required(packSequences(selectOutputs(bertForQuestionAnswering(config), [output])));
    const schedule = scheduleAt(program, "O4");
    const placement = new Placement(schedule, "f32");
    const small = { maxRows: 64, kernels: lowerToWgsl(schedule, placement, { ...plain, tiles: splitK }, 64) };
    const large = { maxRows: Number.POSITIVE_INFINITY, kernels: lowerToWgsl(schedule, placement, plain) };
    expect([small, large].map(({ kernels }) => maxSplitKOf(kernels))).toEqual([3, 1]);
    const weights = layerParameters(config);
    const device = await GpuDevice.open(await loadDawn());
    const parts = { program: schedule.program, lowerings: [small, large], placement, isTraced: false } as const;
    const compiled = await GpuProgram.create(device, parts, async (name) => required(weights.get(name)));
    for (const lengths of [[40], [70, 30], [5, 20, 39], [70, 30], [64], [1]]) {
      const inputs = packedInputs(program, config, lengths);
      const [found, expected] = await Promise.all([compiled.run(inputs), interpret(program, weights, inputs)]);
      expect(relativeError(required(expected.get(output)), required(found.get(output)))).toBeLessThan(1e-5);
    }
    compiled.dispose();
    device.destroy();
  },
  60_000,
);
