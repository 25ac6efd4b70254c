/** Candidate tiles are valid for all model sizes and limits. candidates.slow.test.ts emits a kernel in each. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { KernelLimits } from "../device/kernel-limits.ts";
import { registerAttention } from "../kernels/attention/register-attention.ts";
import { tensorAttention } from "../kernels/attention/tensor-attention.ts";
import { loadFamilies, sizeClassesFor } from "../kernels/families.ts";
import type { KernelFamily, Problem } from "../kernels/family.ts";
import type { MatmulProblem } from "../kernels/matmul/problem.ts";
import { registerMatmul } from "../kernels/matmul/register-family.ts";
import { tensorMatmul } from "../kernels/matmul/tensor-family.ts";
import type { TensorTile } from "../kernels/matmul/tensor-tiles.ts";
import { candidatesFor, someOf } from "./candidates.ts";

await loadFamilies({ tensorCores: true });

const largeLimits: KernelLimits = { workgroupMemory: 49_152, workgroupSize: 1024, tensorCores: true };
const limitsOf = fc.constantFrom<KernelLimits>(
  { workgroupMemory: 16_384, workgroupSize: 256 },
  { workgroupMemory: 16_384, workgroupSize: 128 },
  { workgroupMemory: 32_768, workgroupSize: 1024, isSoftware: true },
  largeLimits,
);

const sizes = fc.integer({ min: 1, max: 32 }).map((count) => 8 * count);

const matmul = (k: number, n: number): MatmulProblem => ({
  shape: [k, n],
  hasStatistics: false,
  canSplitK: false,
  isF16: false,
  rowStatistics: 0,
});
const attention = (headSize: number, valueSize: number, heads = 12) => ({
  shape: [headSize, valueSize],
  headSize,
  valueSize,
  heads,
});

type Case = readonly [family: KernelFamily, problem: Problem];

test("candidates are valid, all different, and at most the maximum", () => {
  const cases: fc.Arbitrary<Case> = fc.oneof(
    fc.tuple(
      fc.constantFrom<KernelFamily>(tensorMatmul, registerMatmul),
      fc.tuple(sizes, sizes).map((size) => matmul(...size)),
    ),
    fc.tuple(
      fc.constantFrom<KernelFamily>(tensorAttention, registerAttention),
      fc.tuple(sizes, sizes).map((size) => attention(...size)),
    ),
  );
  fc.assert(
    fc.property(cases, fc.integer({ min: 1, max: 20_000 }), limitsOf, ([family, problem], rows, limits) => {
      const tiles = candidatesFor(family, problem, rows, limits);
      expect(tiles.filter((tile) => !family.isValid(tile, problem, limits))).toEqual([]);
      expect(new Set(tiles.map((tile) => JSON.stringify(tile))).size).toBe(tiles.length);
      const some = someOf(tiles, family.defaultTile(problem, limits, rows), 60);
      expect(new Set(some).size).toBe(Math.min(60, tiles.length));
      expect(some.every((tile) => tiles.includes(tile))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("default tiles are valid with tensor cores, and BERT-base has many candidates", () => {
  const cases: readonly Case[] = [
    [tensorMatmul, matmul(768, 2304)],
    [tensorMatmul, matmul(768, 768)],
    [tensorMatmul, matmul(3072, 768)],
    [registerMatmul, matmul(768, 3072)],
    [tensorAttention, attention(64, 64)],
    [tensorAttention, attention(64, 64, 4)],
    [tensorAttention, attention(128, 128)],
    [registerAttention, attention(64, 64)],
    [registerAttention, attention(128, 128)],
  ];
  for (const [family, problem] of cases) {
    for (const rows of sizeClassesFor(largeLimits)) {
      expect(family.isValid(family.defaultTile(problem, largeLimits, rows), problem, largeLimits)).toBe(true);
    }
    expect(candidatesFor(family, problem, 384, largeLimits).length).toBeGreaterThan(5);
  }
});

test("with few heads tiles are small, so that there are enough workgroups", () => {
  const queriesOf = (heads: number, rows: number): number =>
    tensorAttention.defaultTile(attention(64, 64, heads), largeLimits, rows).queries;
  expect([queriesOf(4, 384), queriesOf(12, 384)]).toEqual([16, 48]);
  expect(queriesOf(4, 12_288)).toBe(queriesOf(12, 12_288));
});

test("some of the candidates are like the default tile, others unlike it", () => {
  const tile: TensorTile = { tileM: 96, tileN: 64, tileK: 32, subgroupGrid: [2, 2, 4], prefetchStages: 1, splitK: 1 };
  const candidates = candidatesFor(tensorMatmul, matmul(3072, 768), 3072, largeLimits);
  const some = someOf(candidates, tile, 60) as readonly TensorTile[];
  const isLike = ({ tileM, tileN, tileK }: TensorTile): boolean =>
    [tileM / tile.tileM, tileN / tile.tileN, tileK / tile.tileK].every((ratio) => ratio <= 2 && ratio >= 0.5);
  expect(some.filter(isLike).length).toBeGreaterThan(20);
  expect(some.filter((other) => !isLike(other)).length).toBeGreaterThan(10);
});
