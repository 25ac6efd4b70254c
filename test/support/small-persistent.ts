/**
 * Persistent kernels as the software GPU can have them: without tensor cores, all of 64 invocations.
 */
import type { Tile } from "../../src/engines/webgpu/kernels/family.ts";
import type { PersistentLimits } from "../../src/engines/webgpu/plan/kernel-plan.ts";

const tiles: Readonly<Record<string, Tile>> = {
  matmul: {
    tileM: 32,
    tileN: 32,
    tileK: 16,
    workgroupSplitK: 1,
    threadTile: [4, 4],
    prefetchStages: 1,
    layout: "k-contiguous",
    splitK: 1,
  },
  attention: { queries: 32, keys: 32, threadQueries: 4 },
};

/** @param workgroups that stay: one always meets itself. */
export const smallPersistent = (workgroups: number): PersistentLimits => ({
  workgroups,
  storageBuffers: 16,
  tiles: { tileFor: (family) => tiles[family] },
});
