/** Kernels in tiles that only the tuner tries compute what the interpreter computes. Tensor cores are emulated. */
import { expect, test } from "vitest";
import type { KernelLimits } from "../src/engines/webgpu/device/kernel-limits.ts";
import type { Tile } from "../src/engines/webgpu/kernels/family.ts";
import { planKernels } from "../src/engines/webgpu/plan/kernel-plan.ts";
import { lowerToWgsl } from "../src/engines/webgpu/plan/lower.ts";
import type { Placement } from "../src/engines/webgpu/plan/placement.ts";
import { candidatesFor } from "../src/engines/webgpu/tune/candidates.ts";
import type { Shape } from "../src/program/program.ts";
import type { Schedule } from "../src/schedule/schedule.ts";
import { required } from "./support/golden.ts";
import { divisibleLayer as config, layerError } from "./support/lowered-layer.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";
import { boundAsPartialSums } from "./support/split-k.ts";

if (softwareGpuMissing !== undefined) console.log(`Not tested on a GPU: ${softwareGpuMissing}.`);

const rows = 128;
const plain: KernelLimits = { workgroupMemory: 16_384, workgroupSize: 256 };

/** The candidate that a kernel is emitted in. */
interface Choice {
  /** The first, the last, or one between. */
  readonly at: number;
  readonly prefetchStages: number;
  /** The split-K factor, if K may be split. */
  readonly splitK: number;
}

/** Every kernel of the layer in one of its candidates. */
function inCandidates(schedule: Schedule, placement: Placement, { at, prefetchStages, splitK }: Choice) {
  const tiles = new Map<string, Tile>();
  let splits = 0;
  for (const { stages } of planKernels(schedule, placement, plain, rows).dispatches) {
    const [{ family, problem }] = stages;
    if (family.tuning === undefined) continue;
    const maySplitK = "canSplitK" in problem && problem.canSplitK === true;
    if (maySplitK) splits++;
    const candidates = candidatesFor(family, problem, rows, plain).filter(
      (tile) =>
        !("splitK" in tile && "prefetchStages" in tile) ||
        (tile.prefetchStages === prefetchStages && tile.splitK === (maySplitK ? splitK : 1)),
    );
    tiles.set(problem.shape.join(), required(candidates.at(Math.floor(at * (candidates.length - 1)))));
  }
  const source = { tileFor: (_: string, shape: Shape) => tiles.get(shape.join()) };
  const kernels = lowerToWgsl(schedule, placement, { ...plain, tiles: source }, rows);
  const inDefaultTiles = lowerToWgsl(schedule, placement, plain, rows);
  expect(kernels.map(({ code }) => code)).not.toEqual(inDefaultTiles.map(({ code }) => code));
  // Written and read.
  expect(boundAsPartialSums(kernels).length).toBe(splitK > 1 ? 2 * splits : 0);
  return kernels;
}

test.skipIf(softwareGpuMissing !== undefined).each([
  ["O3", { at: 0.1, prefetchStages: 1, splitK: 1 }],
  ["O4", { at: 0.5, prefetchStages: 1, splitK: 2 }],
  ["O3", { at: 0.9, prefetchStages: 3, splitK: 1 }],
  ["O2", { at: 0.7, prefetchStages: 2, splitK: 3 }],
] as const)(
  "%s computes what the interpreter computes in candidates of %o",
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
