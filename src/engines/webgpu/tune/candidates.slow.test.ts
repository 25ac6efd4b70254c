/**
 * Of every tile that is tried a kernel can be made, and it is made in that tile.
 */
import { expect, test } from "vitest";
import type { KernelLimits } from "../device/kernel-limits.ts";
import { lowerInTile, planTuning } from "./plan.ts";

const roomy: KernelLimits = { workgroupMemory: 49_152, workgroupSize: 1024, tensorCores: true };

test.each([
  ["f16", roomy],
  ["f32", { workgroupMemory: 16_384, workgroupSize: 256 }],
] as const)("a kernel is made of every candidate, in %s, and takes no more than there is", (precision, limits) => {
  const config = {
    vocabSize: 100,
    hiddenSize: 96,
    layers: 1,
    heads: 2,
    intermediateSize: 136,
    maxPositions: 512,
    tokenTypes: 2,
    layerNormEps: 1e-12,
    padTokenId: 0,
  };
  const plan = planTuning({ config, precision, mostCandidates: 1000 }, limits);
  expect(plan.subjects.map(({ kernel }) => kernel.shape.join()).sort()).toEqual(
    ["48,48", "96,288", "96,96", "96,136", "136,96"].sort(),
  );
  for (const subject of plan.subjects) {
    const sources = new Set<string>();
    const tiles = new Set(subject.sizes.flatMap(({ candidates }) => candidates).map((tile) => JSON.stringify(tile)));
    for (const text of tiles) {
      const [{ kernel }] = lowerInTile(plan, subject, JSON.parse(text));
      const { code, workgroupMemory, workgroupSize } = kernel;
      expect(workgroupMemory).toBeLessThanOrEqual(limits.workgroupMemory);
      expect(workgroupSize).toBeLessThanOrEqual(limits.workgroupSize);
      sources.add(code);
    }
    // None was silently made in the usual tile.
    expect(sources.size).toBe(tiles.size);
  }
});
