/**
 * Which tiles are tried: they are valid, whatever the model's sizes and the device's limits. That a kernel can be made of
 * each is in candidates.slow.test.ts.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { KernelLimits } from "../device/kernel-limits.ts";
import { chooseTile, defaultTile, isValidTile, sizeClassesOf, type TiledKernel } from "../plan/choose-tile.ts";
import { candidatesFor, someOf } from "./candidates.ts";

const roomy: KernelLimits = { workgroupMemory: 49_152, workgroupSize: 1024, tensorCores: true };
const limitsOf = fc.constantFrom<KernelLimits>(
  { workgroupMemory: 16_384, workgroupSize: 256 },
  { workgroupMemory: 16_384, workgroupSize: 128 },
  { workgroupMemory: 32_768, workgroupSize: 1024, isSoftware: true },
  roomy,
);

const sizes = fc.integer({ min: 1, max: 32 }).map((count) => 8 * count);

test("candidates are valid, all different, and not too many", () => {
  const kernels = fc.oneof(
    fc.record({ kind: fc.constantFrom("tensor-matmul", "matmul"), shape: fc.tuple(sizes, sizes) }),
    fc.record({ kind: fc.constantFrom("tensor-attention", "attention"), shape: fc.tuple(sizes, sizes) }),
  ) as fc.Arbitrary<TiledKernel>;
  fc.assert(
    fc.property(kernels, fc.integer({ min: 1, max: 20_000 }), limitsOf, (kernel, rows, limits) => {
      const tiles = candidatesFor(kernel, rows, limits);
      expect(tiles.filter((tile) => !isValidTile(kernel, tile as never, limits))).toEqual([]);
      expect(new Set(tiles.map((tile) => JSON.stringify(tile))).size).toBe(tiles.length);
      const usual = defaultTile(kernel, limits, rows);
      const some = someOf(tiles, usual, 60);
      expect(new Set(some).size).toBe(Math.min(60, tiles.length));
      expect(some.every((tile) => tiles.includes(tile))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("the usual tiles are valid where tensor cores are, and candidates of BERT-base are many", () => {
  const kernels: TiledKernel[] = [
    { kind: "tensor-matmul", shape: [768, 2304] },
    { kind: "tensor-matmul", shape: [768, 768] },
    { kind: "tensor-matmul", shape: [3072, 768] },
    { kind: "matmul", shape: [768, 3072] },
    { kind: "tensor-attention", shape: [64, 64] },
    { kind: "tensor-attention", shape: [64, 64], heads: 4 },
    { kind: "tensor-attention", shape: [128, 128] },
    { kind: "attention", shape: [64, 64] },
    { kind: "attention", shape: [128, 128] },
  ];
  for (const kernel of kernels) {
    for (const rows of sizeClassesOf(roomy)) {
      const usual = defaultTile(kernel, roomy, rows);
      expect(isValidTile(kernel, usual, roomy)).toBe(true);
      const known = { ...roomy, tiles: { tileFor: () => usual as never } };
      expect(chooseTile(kernel, known, rows)).toBe(usual);
    }
    expect(candidatesFor(kernel, 384, roomy).length).toBeGreaterThan(5);
  }
});

test("few heads have small tiles, so that there are enough of them", () => {
  const queriesOf = (heads: number, rows: number): number =>
    defaultTile<"tensor-attention">({ kind: "tensor-attention", shape: [64, 64], heads }, roomy, rows).queries;
  expect([queriesOf(4, 384), queriesOf(12, 384)]).toEqual([16, 48]);
  expect(queriesOf(4, 12_288)).toBe(queriesOf(12, 12_288));
});

test("some of the candidates are like the usual tile, some unlike all of these", () => {
  const kernel: TiledKernel = { kind: "tensor-matmul", shape: [3072, 768] };
  const usual = { rows: 96, columns: 64, depth: 32, subgroups: [2, 2, 4], ahead: 1, shares: 1 } as const;
  const some = someOf(candidatesFor(kernel, 3072, roomy), usual, 60) as readonly (typeof usual)[];
  const isLike = ({ rows, columns, depth }: typeof usual): boolean =>
    [rows / usual.rows, columns / usual.columns, depth / usual.depth].every((ratio) => ratio <= 2 && ratio >= 0.5);
  expect(some.filter(isLike).length).toBeGreaterThan(20);
  expect(some.filter((tile) => !isLike(tile)).length).toBeGreaterThan(10);
});
