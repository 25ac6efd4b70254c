/**
 * Of every tile that is tried a kernel can be made, and it is made in that tile.
 */
import { expect, test } from "vitest";
import { required } from "../../../../test/support/golden.ts";
import type { KernelLimits } from "../device/kernel-limits.ts";
import type { TileKind } from "../plan/choose-tile.ts";
import { lowerToWgsl } from "../plan/lower.ts";
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
  for (const kind of new Set(plan.subjects.map(({ kernel }) => kernel.kind))) {
    const subjects = plan.subjects
      .filter(({ kernel }) => kernel.kind === kind)
      .map((subject) => {
        const candidates = subject.sizes.flatMap((size) => size.candidates).map((tile) => JSON.stringify(tile));
        return { subject, candidates: new Set(candidates), sources: new Set<string>() };
      });
    for (const text of new Set(subjects.flatMap(({ candidates }) => [...candidates]))) {
      const tile = JSON.parse(text);
      // Kernels of a kind all get the tile, so that each tile is lowered once.
      const tiles = { tileFor: (other: TileKind) => (other === kind ? tile : undefined) };
      const lowered = lowerToWgsl(plan.schedule, plan.placement, { ...limits, tiles }, plan.mostRows);
      for (const { subject, candidates, sources } of subjects) {
        if (!candidates.has(text)) continue;
        const { code, workgroupMemory, workgroupSize } = required(lowered[subject.index]);
        expect(workgroupMemory).toBeLessThanOrEqual(limits.workgroupMemory);
        expect(workgroupSize).toBeLessThanOrEqual(limits.workgroupSize);
        if (sources.size === 0) expect(code).toBe(lowerInTile(plan, subject, tile)[0].kernel.code);
        sources.add(code);
      }
    }
    // None was silently made in the usual tile.
    for (const { candidates, sources } of subjects) expect(sources.size).toBe(candidates.size);
  }
});
