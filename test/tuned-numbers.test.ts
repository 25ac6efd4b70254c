/**
 * Kernels in tiles that only a search tries: they compute what the original computes. Tensor cores are emulated.
 */
import { expect, test } from "vitest";
import { type TileKind, type TileLimits, type Tiles, tiledKernelOf } from "../src/engines/webgpu/choose-tile.ts";
import type { KernelLimits } from "../src/engines/webgpu/codegen/kernel-source.ts";
import { lowerToWgsl } from "../src/engines/webgpu/lower.ts";
import type { Placement } from "../src/engines/webgpu/placement.ts";
import type { Schedule } from "../src/passes/schedule.ts";
import { candidatesFor } from "../src/tune/candidates.ts";
import { required } from "./support/golden.ts";
import { layerError, oddLayer } from "./support/lowered-layer.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

if (softwareGpuMissing !== undefined) console.log(`Not tested on a GPU: ${softwareGpuMissing}.`);

const plain: KernelLimits = { workgroupMemory: 16_384, workgroupSize: 256 };

/**
 * Every kernel of the layer in one of its candidates: of the first, of the last, or of one between.
 * @param ahead steps of matmuls that are on their way at a time.
 */
function inCandidates(schedule: Schedule, placement: Placement, share: number, ahead: number) {
  const tiles = new Map<string, Tiles[TileKind]>();
  for (const kernel of schedule.kernels) {
    const tiled = tiledKernelOf(kernel, placement, plain);
    if (tiled === undefined) continue;
    const candidates = candidatesFor(tiled, 128, plain).filter((tile) => !("ahead" in tile) || tile.ahead === ahead);
    tiles.set(tiled.shape.join(), required(candidates.at(Math.floor(share * (candidates.length - 1)))));
  }
  const limits: TileLimits = {
    ...plain,
    tiles: { tileFor: (_, shape) => tiles.get(shape.join()) as never },
  };
  const kernels = lowerToWgsl(schedule, placement, limits);
  expect(kernels.map(({ code }) => code)).not.toEqual(lowerToWgsl(schedule, placement, plain).map(({ code }) => code));
  return kernels;
}

test.skipIf(softwareGpuMissing !== undefined).each([
  ["O3", 0.1, 1],
  ["O4", 0.5, 2],
  ["O3", 0.9, 3],
] as const)(
  "%s computes what the original computes in candidates at %f of their list, %i steps ahead",
  async (level, share, ahead) => {
    const error = await layerError({
      config: oddLayer,
      level,
      precision: "f32",
      lower: (schedule, placement) => inCandidates(schedule, placement, share, ahead),
    });
    expect(error).toBeLessThan(1e-5);
  },
  120_000,
);
