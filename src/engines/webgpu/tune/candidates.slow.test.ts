/** A kernel can be emitted in every candidate tile, and is emitted in that tile. */
import { expect, test } from "vitest";
import type { KernelLimits } from "../device/kernel-limits.ts";
import { loadFamilies } from "../kernels/families.ts";
import { lowerInTile, planTuning } from "./tuning-plan.ts";

await loadFamilies({ tensorCores: true });

const largeLimits: KernelLimits = { workgroupMemory: 49_152, workgroupSize: 1024, tensorCores: true };

test.each([
  ["f16", largeLimits],
  ["f32", { workgroupMemory: 16_384, workgroupSize: 256 }],
] as const)("a kernel is emitted in every candidate, in %s, within the limits", (precision, limits) => {
  const config = {
    vocabSize: 100,
    hiddenSize: 96,
    layers: 1,
    heads: 2,
    intermediateSize: 136,
    maxPositions: 512,
    family: "bert" as const,
    tokenTypes: 2,
    layerNormEps: 1e-12,
    padTokenId: 0,
  };
  const plan = planTuning({ config, precision, maxCandidates: 1000 }, limits);
  expect(plan.subjects.map(({ problem }) => problem.shape.join()).sort()).toEqual(
    ["48,48", "96,288", "96,96", "96,136", "136,96"].sort(),
  );
  for (const subject of plan.subjects) {
    const sources = new Set<string>();
    const tiles = new Set(subject.sizes.flatMap(({ candidates }) => candidates).map((tile) => JSON.stringify(tile)));
    for (const text of tiles) {
      const [{ kernel }] = lowerInTile(plan, { ...subject, readers: [] }, JSON.parse(text));
      expect(kernel.workgroupMemory).toBeLessThanOrEqual(limits.workgroupMemory);
      expect(kernel.workgroupSize).toBeLessThanOrEqual(limits.workgroupSize);
      sources.add(kernel.code);
    }
    // None was silently emitted in the default tile.
    expect(sources.size).toBe(tiles.size);
  }
});
