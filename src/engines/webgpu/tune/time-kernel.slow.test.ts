/** A kernel is timed with copies of its weights, as many bytes as all layers' weights. */
import { expect, test } from "vitest";
import { softwareGpuMissing } from "../../../../test/support/software-gpu.ts";
import { bertBase } from "../../../architectures/bert/bert-base.ts";
import { loadDawn } from "../../../platform/dawn.ts";
import { GpuDevice } from "../device/gpu-device.ts";
import type { LoweredKernel } from "../plan/lower.ts";
import { randomTensors } from "./synthetic-tensors.ts";
import { KernelRig } from "./time-kernel.ts";
import { planTuning } from "./tuning-plan.ts";

const config = { ...bertBase, vocabSize: 32, hiddenSize: 32, heads: 2, intermediateSize: 64, layers: 3 };

test.skipIf(softwareGpuMissing !== undefined)(
  "weight copies take as much memory as all layers, and are released",
  async () => {
    const device = await GpuDevice.open(await loadDawn());
    const plan = planTuning({ config, precision: "f32", rows: [40], maxCandidates: 1 }, device.kernelLimits);
    const { index } = plan.subjects[0] as (typeof plan.subjects)[number];
    const kernel = plan.kernels[index] as LoweredKernel;
    const inputs = plan.inputsFor(40);
    const rig = await KernelRig.create(
      device,
      { ...plan, program: plan.schedule.program, roomFor: [] },
      randomTensors(plan.parameters, false),
      inputs,
    );
    const before = device.allocatedBytes;
    expect(await rig.time([{ index, kernel }], inputs, 2)).toBeGreaterThan(0);
    // Query, key and value, output, and the two of the feed-forward network; the kernel's own are the first three.
    const layer = 4 * (4 * 32 * 32 + 2 * 32 * 64);
    const own = 4 * (3 * 32 * 32);
    const headWeights = 4 * 2 * 32;
    const all = 3 * (layer + headWeights);
    const copied = device.allocatedBytes - before;
    expect(copied).toBe((Math.ceil(all / own) - 1) * own);
    await rig.time([{ index, kernel }], inputs, 20);
    expect(device.allocatedBytes - before).toBe(copied);
    rig.close();
    expect(device.allocatedBytes).toBe(0);
    device.destroy();
  },
);
