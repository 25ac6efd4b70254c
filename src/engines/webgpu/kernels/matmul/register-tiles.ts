/**
 * The tiles of matmuls without tensor cores, by problem size and the device's limits.
 *
 * An invocation holds up to 8 × 12 sums in registers, so that each read from workgroup memory serves many multiplications.
 * Few rows make few tiles: there K is split within a workgroup, and a long K among workgroups (split-K), to occupy a large
 * GPU.
 *
 * Must stay true: every default tile is valid; `small` fits the limits of every WebGPU device.
 */
import * as v from "valibot";
import type { Extent } from "../../../../program/program.ts";
import type { KernelLimits } from "../../device/kernel-limits.ts";
import { bytesOf, type WorkgroupVariable } from "../../wgsl/declarations.ts";
import { areCounts, type Tiling } from "../family.ts";
import { Count, combinations, formatSizes } from "../tile-sizes.ts";
import { KContiguousTiles, type OperandTileSizes } from "./k-contiguous-tiles.ts";
import { KMajorTiles } from "./k-major-tiles.ts";
import { canSplitK, type MatmulProblem, ofUsefulSize } from "./problem.ts";

const TileSchema = v.object({
  /** Rows and columns of the result. */
  tileM: Count,
  tileN: Count,
  /** Elements of K per step in each part of the workgroup. */
  tileK: Count,
  /** Parts of the workgroup that K is split among. */
  workgroupSplitK: Count,
  /** Rows and columns of the result that an invocation holds in registers. */
  threadTile: v.tuple([Count, Count]),
  /** Steps along K whose loads are in flight at a time. */
  prefetchStages: Count,
  /** The layout of the operands' tiles, for `dot-product.ts` or `outer-product.ts`. */
  layout: v.picklist(["k-contiguous", "k-major"]),
  /** Workgroups that K is split among. */
  splitK: Count,
});

/** A workgroup's tile of the result, and its division among invocations. */
export type RegisterTile = Readonly<v.InferOutput<typeof TileSchema>>;

const kContiguous = (
  tileM: number,
  tileN: number,
  tileK: number,
  workgroupSplitK: number,
  ...threadTile: [number, number]
): RegisterTile => {
  const sizes = { tileM, tileN, tileK, workgroupSplitK, threadTile };
  return { ...sizes, prefetchStages: 1, layout: "k-contiguous", splitK: 1 };
};
const kMajor = (...sizes: Parameters<typeof kContiguous>): RegisterTile => {
  return { ...kContiguous(...sizes), layout: "k-major" };
};

const small = kContiguous(32, 32, 16, 1, 4, 4);
const medium = kContiguous(64, 64, 16, 1, 8, 8);

/** Max columns for which a small tile is large enough. */
const smallColumns = 128;

/** Max columns for which large tiles are too few (such as BERT-base's 768), and for medium ones. */
const [fewColumns, someColumns] = [1024, 2560];

/** Min K (such as BERT-base's 3072) for which other tiles are the fastest where columns are few. */
const longK = 2048;

/** Max rows of the result for which there are very few tiles, few, and some. */
const [veryFewRows, fewRows, someRows] = [192, 1024, 4096];

/** Max rows of the result in each size class. */
export const registerSizeClasses = [veryFewRows, fewRows, someRows, Number.POSITIVE_INFINITY] as const;

function defaultTile(problem: MatmulProblem, limits: KernelLimits, maxRows: number): RegisterTile {
  const fits = (tile: RegisterTile): boolean => isValid(tile, problem, limits);
  return limits.isSoftware ? small : (preferredTiles(problem, maxRows).find(fits) ?? small);
}

/** Best first; the large ones were found by `fusebert tune` on an NVIDIA H200. */
function preferredTiles({ shape: [k, n], isF16 }: MatmulProblem, maxRows: number): readonly RegisterTile[] {
  if (typeof n !== "number" || n <= smallColumns) return [small];
  if (maxRows > fewRows) return [...forManyRows(maxRows, n), kContiguous(128, 128, 16, 1, 8, 8), medium, small];
  const withStatistics = n <= fewColumns ? kContiguous(32, 64, 8, 4, 4, 8) : kContiguous(64, 64, 8, 4, 8, 8);
  const best = maxRows <= veryFewRows ? forVeryFewRows(Number(k), n) : forFewRows(Number(k), n, isF16);
  return [...best, kContiguous(48, 48, 16, 2, 6, 6), withStatistics, medium, small];
}

function forManyRows(maxRows: number, columns: number): readonly RegisterTile[] {
  if (maxRows > someRows) return [kMajor(128, 128, 16, 1, 8, 8)];
  return columns <= fewColumns ? [kMajor(64, 64, 16, 1, 4, 8)] : [kMajor(64, 64, 16, 2, 8, 8)];
}

/**
 * Tiles of 48 and 96 divide BERT-base's results into about one wave of a large GPU. On an NVIDIA H200 tall register tiles
 * are 3 to 10 % faster for float32 operands, wide ones for float16; the cause is unknown.
 */
function forFewRows(k: number, columns: number, isF16: boolean): readonly RegisterTile[] {
  const large = isF16 ? kMajor(96, 96, 8, 4, 8, 12) : kMajor(96, 96, 8, 4, 12, 8);
  if (columns > someColumns) return [large];
  if (columns > fewColumns) return [kMajor(64, 64, 16, 2, 8, 8)];
  return [...(k < longK ? [] : [{ ...large, splitK: 4 }]), kContiguous(48, 48, 16, 4, 6, 6)];
}

function forVeryFewRows(k: number, columns: number): readonly RegisterTile[] {
  const otherwise = kContiguous(24, 48, 16, 4, 6, 6);
  if (columns > someColumns) return [kContiguous(64, 48, 16, 4, 8, 6), otherwise];
  if (columns > fewColumns) return [kContiguous(16, 48, 8, 4, 4, 6), otherwise];
  const best =
    k < longK ? kContiguous(32, 32, 16, 4, 4, 4) : { ...kContiguous(16, 48, 16, 4, 4, 6), prefetchStages: 2 };
  return [best, otherwise];
}

/**
 * Whether a step's multiplications are unrolled. On an NVIDIA H200 BERT-base's wide results (2304 and 3072 columns) are 10
 * to 14 % faster unrolled, its narrow ones (768) 5 to 25 % slower; the cause is unknown.
 */
export const unrolls = (columns: Extent): boolean => Number(columns) > fewColumns;

/**
 * A tile is valid if it and each slice of K divide evenly; if its invocations load its operands' tiles evenly; and, with
 * statistics, if its columns are a multiple of 32, the widest tile of statistics, whose vectors adjacent invocations have.
 */
function isValid(tile: RegisterTile, problem: MatmulProblem, limits: KernelLimits): boolean {
  const { tileM, tileN, tileK, workgroupSplitK, threadTile, prefetchStages, layout, splitK } = tile;
  const { hasStatistics } = problem;
  if (!areCounts([tileM, tileN, tileK, workgroupSplitK, ...threadTile, prefetchStages, splitK])) return false;
  if (!canSplitK(splitK, stepOf(tile), problem)) return false;
  if (tileN % (hasStatistics ? 32 : 4) !== 0 || tileK % 4 !== 0) return false;
  if (tileM % threadTile[0] !== 0 || tileN % threadTile[1] !== 0) return false;
  const isKMajor = layout === "k-major";
  if (isKMajor && (hasStatistics || threadTile.some((size) => size % 4 !== 0))) return false;
  const threads = threadsOf(tile);
  const isEven = isKMajor ? kMajorTiles(tile).isEven : kContiguousTiles(tile).isEven;
  const fits = threads <= limits.workgroupSize && memoryOf(tile, problem) <= limits.workgroupMemory;
  return threads % 8 === 0 && isEven && fits;
}

/** Bytes of workgroup memory, including room for statistics and a LayerNorm's two numbers per row, needed or not. */
export function memoryOf(tile: RegisterTile, { rowStatistics }: Pick<MatmulProblem, "rowStatistics">): number {
  return bytesOf(workgroupVariables(tile, { hasStatistics: true, rowStatistics: Math.max(2, rowStatistics) }));
}

export function workgroupVariables(
  tile: RegisterTile,
  { hasStatistics, rowStatistics }: Pick<MatmulProblem, "hasStatistics" | "rowStatistics">,
): WorkgroupVariable[] {
  const ofRows = rowStatisticsVariables(rowStatistics, tile.tileM);
  if (tile.layout === "k-major") {
    const comment = "Both operands' tiles, then the partial sums.";
    return [{ name: "tiles", element: "vec4<f32>", count: kMajorLength(tile), comment }, ...ofRows];
  }
  const comment = "Both operands' tiles.";
  return [
    { name: "tiles", element: "vec4<f32>", count: kContiguousTiles(tile).length, comment },
    { name: "staged", element: "f32", count: stagedOf(tile), comment: "Rows of the result." },
    ...(hasStatistics ? [{ name: "shared_values", element: "f32", count: threadsOf(tile) } as const] : []),
    ...ofRows,
  ];
}

export const rowStatisticsVariables = (count: number, tileM: number): WorkgroupVariable[] =>
  Array.from({ length: count }, (_, index) => ({ name: `row_statistic${index}`, element: "f32", count: tileM }));

const operandSizes = (tile: RegisterTile): OperandTileSizes => {
  return { ...tile, step: stepOf(tile), vector: 4, threads: threadsOf(tile) };
};

export const kContiguousTiles = (tile: RegisterTile): KContiguousTiles => new KContiguousTiles(operandSizes(tile));

export const kMajorTiles = (tile: RegisterTile): KMajorTiles => new KMajorTiles(operandSizes(tile));

/** Vectors of K-major tiles, or of the partial sums that overwrite them where the workgroup splits K. */
function kMajorLength(tile: RegisterTile): number {
  const { tileM, tileN, workgroupSplitK, threadTile } = tile;
  const partialSums = workgroupSplitK === 1 ? 0 : (workgroupSplitK * (tileM / threadTile[0]) * tileN) / 4;
  return Math.max(kMajorTiles(tile).length, partialSums);
}

export function threadsOf(tile: RegisterTile): number {
  const [high, wide] = threadGrid(tile);
  return high * wide * tile.workgroupSplitK;
}

/** Elements of K per step in the whole workgroup. */
export const stepOf = ({ tileK, workgroupSplitK }: RegisterTile): number => tileK * workgroupSplitK;

/** Invocations along the rows and the columns of the tile: the stride of an invocation's rows and columns. */
export const threadGrid = ({ tileM, tileN, threadTile }: RegisterTile): readonly [rows: number, columns: number] => [
  tileM / threadTile[0],
  tileN / threadTile[1],
];

/** Elements of the result that the workgroup stages at a time. */
const stagedOf = ({ tileM, tileN, workgroupSplitK, threadTile }: RegisterTile): number =>
  (tileM / threadTile[0]) * tileN * workgroupSplitK;

/** Registers of a workgroup on most GPUs. */
const registers = 65_536;

/**
 * Excluded: invocations with too few sums, which load more than they multiply, or with too many for the registers, prefetched
 * operands included; workgroups of fewer than 64 invocations; steps along K that are short, or longer than K.
 */
function* candidates(problem: MatmulProblem, rows: number): Generator<RegisterTile> {
  yield* ofUsefulSize([...allCandidates(Number(problem.shape[0]))], problem, rows);
}

function* allCandidates(k: number): Generator<RegisterTile> {
  for (const [tileM, tileN, tileK, workgroupSplitK, high, wide, prefetchStages] of combinations(
    [16, 24, 32, 48, 64, 96, 128],
    [32, 48, 64, 96, 128],
    [8, 16, 32],
    [1, 2, 4, 8],
    [2, 4, 6, 8, 12],
    [4, 6, 8, 12],
    [1, 2, 3],
  )) {
    const tile = { ...kContiguous(tileM, tileN, tileK, workgroupSplitK, high, wide), prefetchStages };
    const threads = threadsOf(tile);
    const step = stepOf(tile);
    const inFlight = (((tileM + tileN) * step) / 4 / threads) * prefetchStages;
    const hasStep = step >= 16 && step <= Math.min(64, Math.max(k, 16));
    const isUseful = step * prefetchStages <= Math.max(k, 16) && inFlight <= 8 * Math.min(prefetchStages, 2);
    const hasRegisters = high * wide <= 96 && threads * (high * wide + 40) <= registers;
    if (threads >= 64 && hasRegisters && hasStep && high * wide >= 16 && isUseful) {
      yield tile;
      yield { ...tile, layout: "k-major" };
    }
  }
}

const format = ({ threadTile, layout, prefetchStages, splitK, ...sizes }: RegisterTile): string =>
  formatSizes({ sizes, grid: threadTile, ...(layout === "k-major" && { layout }), splitK, prefetchStages });

export const registerTiling: Tiling<MatmulProblem, RegisterTile> = {
  defaultTile,
  isValid,
  threadsOf,
  workgroupVariables,
  hasGrid: true,
  tuning: { schema: TileSchema, candidates, format },
};
