/**
 * Matmuls in the tiles of hardware GPUs, computed by the software GPU, which has smaller ones by default. Workgroup memory
 * initially holds garbage, as in trusted kernels.
 */
import { expect, test } from "vitest";
import type { KernelLimits } from "../src/engines/webgpu/device/kernel-limits.ts";
import { lowerToWgsl } from "../src/engines/webgpu/plan/lower.ts";
import { emulateHalves } from "./support/emulate-halves.ts";
import { layerError, oddLayer } from "./support/lowered-layer.ts";
import { poisonMemory } from "./support/poison-memory.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

if (softwareGpuMissing !== undefined) console.log(`Not tested on a GPU: ${softwareGpuMissing}.`);

/** Enough columns for every kind of tile, and no multiple of any. */
const config = { ...oddLayer, intermediateSize: 1048 };

/** The limits of most GPUs, and WebGPU's minimum. */
const largeLimits: KernelLimits = { workgroupMemory: 32_768, workgroupSize: 256 };
const least: KernelLimits = { workgroupMemory: 16_384, workgroupSize: 256 };

const [few, many] = [768, Number.POSITIVE_INFINITY];

test.skipIf(softwareGpuMissing !== undefined).each([
  ["for few rows, with statistics and folded LayerNorms", "O3", "f16-storage", largeLimits, few],
  // As browsers have it.
  ["for few rows, in float16", "O4", "f16", largeLimits, few],
  ["for many rows", "O4", "f32", largeLimits, many],
  ["for the least limits", "O3", "f32", least, many],
] as const)(
  "tiles %s compute what the interpreter computes: %s, %s",
  async (_, level, precision, limits, maxRows) => {
    const error = await layerError({
      config,
      level,
      precision,
      lower: (schedule, placement) => {
        return lowerToWgsl(schedule, placement, limits, maxRows).map(emulateHalves).map(poisonMemory);
      },
    });
    // The tolerance of half precision is that of rounded weights and activations.
    expect(error).toBeLessThan(precision === "f32" ? 1e-5 : 3e-3);
  },
  120_000,
);
