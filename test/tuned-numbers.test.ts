/**
 * Kernels in tiles that only a search tries: they compute what the original computes. Tensor cores are emulated.
 */
import { expect, test } from "vitest";
import type { KernelLimits } from "../src/engines/webgpu/device/kernel-limits.ts";
import { type TileKind, type TileLimits, type Tiles, tiledKernelOf } from "../src/engines/webgpu/plan/choose-tile.ts";
import { lowerToWgsl } from "../src/engines/webgpu/plan/lower.ts";
import type { Placement } from "../src/engines/webgpu/plan/placement.ts";
import { divisibleResults } from "../src/engines/webgpu/plan/split-k.ts";
import { candidatesFor } from "../src/engines/webgpu/tune/candidates.ts";
import type { Schedule } from "../src/schedule/schedule.ts";
import { required } from "./support/golden.ts";
import { boundInShares } from "./support/in-shares.ts";
import { divisibleLayer as config, layerError } from "./support/lowered-layer.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

if (softwareGpuMissing !== undefined) console.log(`Not tested on a GPU: ${softwareGpuMissing}.`);

const rows = 128;
const plain: KernelLimits = { workgroupMemory: 16_384, workgroupSize: 256 };

/** Which of a kernel's candidates it is made in. */
interface Choice {
  /** Of the first, of the last, or of one between. */
  readonly at: number;
  /** Steps of matmuls that are on their way at a time. */
  readonly ahead: number;
  /** Workgroups among which the inner dimension is divided, where it may be. */
  readonly shares: number;
}

/** Every kernel of the layer in one of its candidates. */
function inCandidates(schedule: Schedule, placement: Placement, { at, ahead, shares }: Choice) {
  const divisible = divisibleResults(schedule, placement);
  const tiles = new Map<string, Tiles[TileKind]>();
  for (const kernel of schedule.kernels) {
    const tiled = tiledKernelOf(kernel, placement, plain, divisible);
    if (tiled === undefined) continue;
    const wanted = { ahead, shares: tiled.isDivisible ? shares : 1 };
    const candidates = candidatesFor(tiled, rows, plain).filter(
      (tile) => !("ahead" in tile) || (tile.ahead === wanted.ahead && tile.shares === wanted.shares),
    );
    tiles.set(tiled.shape.join(), required(candidates.at(Math.floor(at * (candidates.length - 1)))));
  }
  const limits: TileLimits = {
    ...plain,
    tiles: { tileFor: (_, shape) => tiles.get(shape.join()) as never },
  };
  const kernels = lowerToWgsl(schedule, placement, limits, rows);
  const usual = lowerToWgsl(schedule, placement, plain, rows);
  expect(kernels.map(({ code }) => code)).not.toEqual(usual.map(({ code }) => code));
  // Written and read.
  expect(boundInShares(kernels).length).toBe(shares > 1 ? 2 * divisible.size : 0);
  return kernels;
}

test.skipIf(softwareGpuMissing !== undefined).each([
  ["O3", { at: 0.1, ahead: 1, shares: 1 }],
  ["O4", { at: 0.5, ahead: 1, shares: 2 }],
  ["O3", { at: 0.9, ahead: 3, shares: 1 }],
  ["O2", { at: 0.7, ahead: 2, shares: 3 }],
] as const)(
  "%s computes what the original computes in candidates of %o",
  async (level, choice) => {
    const error = await layerError({
      config,
      level,
      precision: "f32",
      lower: (schedule, placement) => inCandidates(schedule, placement, choice),
    });
    expect(error).toBeLessThan(1e-5);
  },
  120_000,
);
