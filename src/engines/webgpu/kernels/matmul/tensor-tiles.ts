/**
 * The tiles of matmuls in tensor cores, by problem size. Found by `fusebert tune` on an NVIDIA H200; correct on any device.
 *
 * Few rows make few tiles: there K is split among the subgroups of a workgroup, and a long K among workgroups (split-K), to
 * occupy a GPU with more than a hundred multiprocessors. Many rows take large tiles, which read operands less often.
 *
 * Must stay true: every default tile is valid on devices with 48 KiB of workgroup memory.
 */
import * as v from "valibot";
import type { KernelLimits } from "../../device/kernel-limits.ts";
import { bytesOf, type WorkgroupVariable } from "../../wgsl/declarations.ts";
import { areCounts, type Tiling } from "../family.ts";
import { fragment, subgroupSize } from "../fragments.ts";
import { Count, combinations, formatSizes } from "../tile-sizes.ts";
import { KContiguousTiles } from "./k-contiguous-tiles.ts";
import { canSplitK, type MatmulProblem, ofUsefulSize } from "./problem.ts";
import { rowStatisticsVariables } from "./register-tiles.ts";

const TileSchema = v.object({
  /** Rows and columns of the result. */
  tileM: Count,
  tileN: Count,
  /** Elements of K per step in each subgroup. */
  tileK: Count,
  /** Subgroups along the rows, along the columns, and along K. */
  subgroupGrid: v.tuple([Count, Count, Count]),
  /** Steps along K whose loads are in flight at a time. */
  prefetchStages: Count,
  /** Workgroups that K is split among. */
  splitK: Count,
});

/** A workgroup's tile of the result, and its division among subgroups. */
export type TensorTile = Readonly<v.InferOutput<typeof TileSchema>>;

/** A tile with one prefetch stage, and K not split among workgroups. */
export const tensorTile = (
  tileM: number,
  tileN: number,
  tileK: number,
  ...subgroupGrid: [number, number, number]
): TensorTile => ({ tileM, tileN, tileK, subgroupGrid, prefetchStages: 1, splitK: 1 });

/** Max columns for which large tiles are too few (such as BERT-base's 768), and for medium ones. */
const [fewColumns, someColumns] = [1024, 2560];

export const hasFewColumns = (columns: number): boolean => columns <= fewColumns;

/** Min K (such as BERT-base's 3072) that is split where columns are few. */
const longK = 2048;

/** Max K, a head's width, that is too short for steps to be in flight or divided; and the tile for it, whatever the rows. */
const shortK = 64;
const ofShortK = tensorTile(64, 64, 64, 2, 2, 1);

interface SizeClass {
  /** Max rows of the result. */
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

/** Max rows of the result in each size class. */
export const tensorSizeClasses: readonly [number, ...number[]] = [
  smallest.maxRows,
  ...larger.map(({ maxRows }) => maxRows),
];

export function defaultTensorTile(problem: Pick<MatmulProblem, "shape" | "canSplitK">, maxRows: number): TensorTile {
  const [k, n] = problem.shape.map(Number) as [number, number];
  if (k <= shortK) return ofShortK;
  const choice = classes.find((sizeClass) => maxRows <= sizeClass.maxRows) as SizeClass;
  if (!hasFewColumns(n)) return n <= someColumns ? choice.someColumns : choice.manyColumns;
  if (k < longK) return choice.fewColumns;
  const isPossible = (tile: TensorTile): boolean => canSplitK(tile.splitK, tensorStepOf(tile), problem);
  return choice.fewColumnsLongK.find(isPossible) ?? choice.fewColumns;
}

/** Elements of K per step in the whole workgroup. */
export const tensorStepOf = ({ tileK, subgroupGrid: [, , k] }: TensorTile): number => tileK * k;

export const tensorThreadsOf = ({ subgroupGrid: [m, n, k] }: TensorTile): number => m * n * k * subgroupSize;

/** The operands' tiles, in vectors of eight float16. */
export const tensorOperandTiles = (tile: TensorTile): KContiguousTiles =>
  new KContiguousTiles({ ...tile, step: tensorStepOf(tile), vector: 8, threads: tensorThreadsOf(tile) });

/** The row stride, in vectors of float32, of a subgroup's 16 staged rows of the result. */
export const stagedStrideOf = ({ tileN, subgroupGrid: [, n] }: TensorTile): number => tileN / n / 4 + 1;

export function tensorVariables(tile: TensorTile, rowStatistics: number): WorkgroupVariable[] {
  const [m, n, k] = tile.subgroupGrid;
  const count = Math.max(tensorOperandTiles(tile).length, m * n * k * fragment * stagedStrideOf(tile));
  const comment = "Both operands' tiles, then the result.";
  return [{ name: "tile", element: "vec4<u32>", count, comment }, ...rowStatisticsVariables(rowStatistics, tile.tileM)];
}

/**
 * A tile is valid if slices of K divide evenly, subgroups have whole fragments, operands and result divide evenly among
 * invocations, columns are a multiple of 32, the widest tile of statistics, and a LayerNorm's two numbers per row fit.
 */
function isValid(tile: TensorTile, problem: MatmulProblem, limits: KernelLimits): boolean {
  const { tileM, tileN, tileK, subgroupGrid, prefetchStages, splitK } = tile;
  const [m, n] = subgroupGrid;
  if (!areCounts([tileM, tileN, tileK, ...subgroupGrid, prefetchStages, splitK])) return false;
  if (!canSplitK(splitK, tensorStepOf(tile), problem)) return false;
  const hasFragments = tileM % (m * fragment) === 0 && tileN % (n * fragment) === 0 && tileK % fragment === 0;
  if (!hasFragments || tileN % 32 !== 0) return false;
  const threads = tensorThreadsOf(tile);
  const dividesResult = (m * fragment * tileN) % (4 * threads) === 0;
  const bytes = bytesOf(tensorVariables(tile, Math.max(2, problem.rowStatistics)));
  const fits = threads <= limits.workgroupSize && bytes <= limits.workgroupMemory;
  return tensorOperandTiles(tile).isEven && dividesResult && fits;
}

/**
 * Excluded: subgroups with too few sums, of an unbalanced shape, or with too many for the registers, prefetched operands
 * included; workgroups of fewer than 64 invocations; steps along K that are short, or longer than K.
 */
function* candidates(problem: MatmulProblem, rows: number): Generator<TensorTile> {
  yield* ofUsefulSize([...allCandidates(Number(problem.shape[0]))], problem, rows);
}

function* allCandidates(totalK: number): Generator<TensorTile> {
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
    const hasStep = step >= 32 && step <= Math.min(256, Math.max(totalK, 32));
    const isUseful = hasStep && step * prefetchStages <= Math.max(totalK, 32) && inFlight <= 16;
    if (threads >= 64 && threads <= 512 && hasSums && isUseful) yield tile;
  }
}

const format = ({ subgroupGrid, prefetchStages, splitK, ...sizes }: TensorTile): string =>
  formatSizes({ sizes, grid: subgroupGrid, splitK, prefetchStages });

export const tensorTiling: Tiling<MatmulProblem, TensorTile> = {
  defaultTile: (problem, _, maxRows) => defaultTensorTile(problem, maxRows),
  isValid,
  threadsOf: tensorThreadsOf,
  workgroupVariables: (tile, { rowStatistics }) => tensorVariables(tile, rowStatistics),
  hasGrid: true,
  tuning: { schema: TileSchema, candidates, format },
};
