/**
 * The tiles of matmuls in tensor cores, by the size of the work.
 *
 * Few rows make few tiles: there K is split among the subgroups of a workgroup, and a long K among workgroups (split-K), so
 * that a GPU with more than a hundred multiprocessors is not idle. Many rows take large tiles, which read each operand less
 * often. Found by `fusebert tune` on an NVIDIA H200; any of them is right anywhere.
 *
 * Must stay true: every tile in use is valid where there are 48 KiB of workgroup memory.
 */
import * as v from "valibot";
import type { KernelLimits } from "../../device/kernel-limits.ts";
import { bytesOf, type WorkgroupVariable } from "../../wgsl/declarations.ts";
import { areCounts } from "../family.ts";
import { fragment, subgroupSize } from "../fragments.ts";
import { Count, combinations, formatSizes } from "../tile-sizes.ts";
import { KContiguousTiles } from "./k-contiguous-tiles.ts";
import { canSplitK, type MatmulProblem, ofUsefulSize } from "./problem.ts";
import { rowStatisticsVariables } from "./register-tiles.ts";

export const TensorTileSchema = v.object({
  /** Rows and columns of the result. */
  tileM: Count,
  tileN: Count,
  /** Elements of K that a subgroup multiplies in a step. */
  tileK: Count,
  /** Subgroups along the rows, along the columns, and along K. */
  subgroupGrid: v.tuple([Count, Count, Count]),
  /** Steps along K whose loads are in flight at a time. */
  prefetchStages: Count,
  /** Workgroups that K is split among. */
  splitK: Count,
});

/** A workgroup's tile of the result, and how its subgroups share it. */
export type TensorTile = Readonly<v.InferOutput<typeof TensorTileSchema>>;

/** One step prefetched, and K whole. */
export const tensorTile = (
  tileM: number,
  tileN: number,
  tileK: number,
  ...subgroupGrid: [number, number, number]
): TensorTile => ({ tileM, tileN, tileK, subgroupGrid, prefetchStages: 1, splitK: 1 });

/** Up to so many columns (768 of BERT-base for one) large tiles would be too few; and in between. */
const [fewColumns, someColumns] = [1024, 2560];

export const hasFewColumns = (columns: number): boolean => columns <= fewColumns;

/** With few columns, from this K on (BERT-base's 3072) it is split, where it may be. */
const longK = 2048;

interface SizeClass {
  /** Rows of the result, at most. */
  readonly maxRows: number;
  readonly fewColumns: TensorTile;
  /** Best first; the last does not split K among workgroups. */
  readonly fewColumnsLongK: readonly [...TensorTile[], TensorTile];
  readonly someColumns: TensorTile;
  readonly manyColumns: TensorTile;
}

const classes: readonly [SizeClass, ...SizeClass[]] = [
  {
    maxRows: 192,
    fewColumns: tensorTile(32, 32, 64, 1, 1, 4),
    fewColumnsLongK: [{ ...tensorTile(64, 64, 64, 2, 2, 2), splitK: 4 }, tensorTile(32, 32, 64, 1, 1, 4)],
    someColumns: tensorTile(48, 32, 32, 1, 1, 4),
    manyColumns: tensorTile(64, 64, 64, 2, 2, 2),
  },
  {
    maxRows: 768,
    fewColumns: tensorTile(48, 32, 32, 1, 1, 4),
    fewColumnsLongK: [
      { ...tensorTile(48, 64, 32, 1, 2, 2), splitK: 4 },
      { ...tensorTile(48, 64, 32, 1, 2, 4), prefetchStages: 2 },
    ],
    someColumns: tensorTile(64, 64, 32, 2, 2, 2),
    manyColumns: tensorTile(48, 64, 32, 1, 2, 2),
  },
  {
    maxRows: 4096,
    fewColumns: tensorTile(96, 192, 64, 2, 4, 1),
    fewColumnsLongK: [tensorTile(96, 192, 64, 2, 4, 1)],
    someColumns: tensorTile(96, 192, 64, 2, 4, 1),
    manyColumns: tensorTile(192, 128, 64, 4, 2, 1),
  },
  {
    maxRows: Number.POSITIVE_INFINITY,
    fewColumns: tensorTile(128, 192, 64, 2, 4, 1),
    fewColumnsLongK: [tensorTile(128, 192, 64, 2, 4, 1)],
    someColumns: tensorTile(128, 192, 64, 2, 4, 1),
    manyColumns: tensorTile(128, 192, 64, 2, 4, 1),
  },
];

const [smallest, ...larger] = classes;

/** The classes by which runs choose a tile: rows of the result, at most. */
export const tensorSizeClasses: readonly [number, ...number[]] = [
  smallest.maxRows,
  ...larger.map(({ maxRows }) => maxRows),
];

export function defaultTensorTile(problem: Pick<MatmulProblem, "shape" | "canSplitK">, maxRows: number): TensorTile {
  const [k, n] = problem.shape.map(Number) as [number, number];
  const choice = classes.find((sizeClass) => maxRows <= sizeClass.maxRows) as SizeClass;
  if (!hasFewColumns(n)) return n <= someColumns ? choice.someColumns : choice.manyColumns;
  if (k < longK) return choice.fewColumns;
  const isPossible = (tile: TensorTile): boolean => canSplitK(tile.splitK, tensorStepOf(tile), problem);
  return choice.fewColumnsLongK.find(isPossible) ?? choice.fewColumns;
}

/** Elements of K that all subgroups multiply in a step. */
export const tensorStepOf = ({ tileK, subgroupGrid: [, , k] }: TensorTile): number => tileK * k;

export const tensorThreadsOf = ({ subgroupGrid: [m, n, k] }: TensorTile): number => m * n * k * subgroupSize;

/** The operands' tiles, in vectors of eight float16. */
export const tensorOperandTiles = (tile: TensorTile): KContiguousTiles =>
  new KContiguousTiles({ ...tile, step: tensorStepOf(tile), vector: 8, threads: tensorThreadsOf(tile) });

/** Vectors of a row of a subgroup's part of the result, 16 rows of float32. */
export const stagedStrideOf = ({ tileN, subgroupGrid: [, n] }: TensorTile): number => tileN / n / 4 + 1;

/** What a kernel keeps in workgroup memory: the operands' tiles, in whose place the result comes, and row statistics. */
export function tensorVariables(tile: TensorTile, rowStatistics: number): WorkgroupVariable[] {
  const [m, n, k] = tile.subgroupGrid;
  const count = Math.max(tensorOperandTiles(tile).length, m * n * k * fragment * stagedStrideOf(tile));
  const comment = "Both operands' tiles, then the result.";
  return [{ name: "tile", element: "vec4<u32>", count, comment }, ...rowStatisticsVariables(rowStatistics, tile.tileM)];
}

/**
 * A tile is valid if it divides K evenly where that is split, its subgroups have whole fragments, its invocations share its
 * operands and its result evenly, its columns are a multiple of 32, the widest tile of statistics, and there is room for
 * the two numbers of a LayerNorm a row.
 */
export function isValidTensorTile(tile: TensorTile, problem: MatmulProblem, limits: KernelLimits): boolean {
  const { tileM, tileN, tileK, subgroupGrid, prefetchStages, splitK } = tile;
  const [m, n] = subgroupGrid;
  if (!areCounts([tileM, tileN, tileK, ...subgroupGrid, prefetchStages, splitK])) return false;
  if (!canSplitK(splitK, tensorStepOf(tile), problem)) return false;
  const hasFragments = tileM % (m * fragment) === 0 && tileN % (n * fragment) === 0 && tileK % fragment === 0;
  if (!hasFragments || tileN % 32 !== 0) return false;
  const threads = tensorThreadsOf(tile);
  const sharesResult = (m * fragment * tileN) % (4 * threads) === 0;
  const bytes = bytesOf(tensorVariables(tile, Math.max(2, problem.rowStatistics)));
  const fits = threads <= limits.workgroupSize && bytes <= limits.workgroupMemory;
  return tensorOperandTiles(tile).isEven && sharesResult && fits;
}

/**
 * Left out: subgroups with too few sums, or of a shape that loads much for what it multiplies, or with more than registers
 * hold, prefetched operands included; workgroups of fewer than 64 invocations; steps along K that are short, or longer than K.
 */
export function* tensorTileCandidates(problem: MatmulProblem, rows: number): Generator<TensorTile> {
  yield* ofUsefulSize([...allCandidates(Number(problem.shape[0]))], problem, rows);
}

function* allCandidates(inner: number): Generator<TensorTile> {
  for (const [tileM, tileN, tileK, m, n, k, prefetchStages] of combinations(
    [16, 32, 48, 64, 96, 128, 192, 256],
    [32, 64, 96, 128, 192, 256],
    [16, 32, 64],
    [1, 2, 4],
    [1, 2, 4],
    [1, 2, 4, 8],
    [1, 2, 3],
  )) {
    const tile = { ...tensorTile(tileM, tileN, tileK, m, n, k), prefetchStages };
    const threads = tensorThreadsOf(tile);
    const [high, wide] = [tileM / m / fragment, tileN / n / fragment];
    const step = tensorStepOf(tile);
    const inFlight = (((tileM + tileN) * step) / 8 / threads) * prefetchStages;
    const isBalanced = Math.max(high, wide) <= 2 * Math.min(high, wide);
    const hasSums = high * wide >= 2 && high * wide <= 16 && isBalanced;
    const hasStep = step >= 32 && step <= Math.min(256, Math.max(inner, 32));
    const isUseful = hasStep && step * prefetchStages <= Math.max(inner, 32) && inFlight <= 16;
    if (threads >= 64 && threads <= 512 && hasSums && isUseful) yield tile;
  }
}

/** `48×64×32 1·2·2 ÷4 +2`: split-K after `÷`, prefetched stages after `+`. */
export const formatTensorTile = ({ subgroupGrid, prefetchStages, splitK, ...sizes }: TensorTile): string =>
  formatSizes({ sizes, grid: subgroupGrid, splitK, prefetchStages });
