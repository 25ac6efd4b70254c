/**
 * Persistent kernels as the software GPU can have them: without tensor cores, all of 64 invocations.
 */
import type { Tiles } from "../../src/engines/webgpu/plan/choose-tile.ts";
import type { PersistentLimits } from "../../src/engines/webgpu/plan/persistent-tiles.ts";

const tiles: Partial<Tiles> = {
  matmul: { rows: 32, columns: 32, depth: 16, parts: 1, own: [4, 4], ahead: 1, layout: "lines", shares: 1 },
  attention: { queries: 32, keys: 32, own: 4 },
};

/** @param workgroups that stay: one always meets itself. */
export const smallPersistent = (workgroups: number): PersistentLimits => ({
  workgroups,
  invocations: 64,
  storageBuffers: 16,
  tiles: { tileFor: (kind) => tiles[kind] },
});
