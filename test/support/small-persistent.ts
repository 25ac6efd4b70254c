/** Persistent kernels for the software GPU: without tensor cores, with workgroups of 64 invocations. */
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

/** @param workgroups of the dispatch; with one, barriers never time out. */
export const smallPersistent = (workgroups: number): PersistentLimits => ({
  workgroups,
  storageBuffers: 16,
  tiles: { tileFor: (family) => tiles[family] },
});
