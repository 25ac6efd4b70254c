/**
 * The tiles of matmuls without tensor cores, by the size of the work and what the device's limits allow.
 *
 * An invocation holds up to 8 × 12 sums in registers, so that what it reads from workgroup memory serves many
 * multiplications. Few rows make few tiles: there K is split among the parts of a workgroup, and a long K among workgroups
 * (split-K), so that a large GPU is not idle.
 *
 * Must stay true: every tile in use is valid; `small` fits into the limits that every WebGPU device has.
 */
import * as v from "valibot";
import type { Extent } from "../../../../program/program.ts";
import type { KernelLimits } from "../../device/kernel-limits.ts";
import { bytesOf, type WorkgroupVariable } from "../../wgsl/declarations.ts";
import { areCounts } from "../family.ts";
import { Count, combinations, formatSizes } from "../tile-sizes.ts";
import { KContiguousTiles, type OperandTileSizes } from "./k-contiguous-tiles.ts";
import { KMajorTiles } from "./k-major-tiles.ts";
import { canSplitK, type MatmulProblem, ofUsefulSize } from "./problem.ts";

export const RegisterTileSchema = v.object({
  /** Rows and columns of the result. */
  tileM: Count,
  tileN: Count,
  /** Elements of K that a part of the workgroup multiplies in a step. */
  tileK: Count,
  /** Parts of the workgroup that K is split among. */
  workgroupSplitK: Count,
  /** Rows and columns of the result that one invocation holds in registers. */
  threadTile: v.tuple([Count, Count]),
  /** Steps along K whose loads are in flight at a time. */
  prefetchStages: Count,
  /** Of the operands' tiles in workgroup memory: dot products (`dot-product.ts`), or outer products (`outer-product.ts`). */
  layout: v.picklist(["k-contiguous", "k-major"]),
  /** Workgroups that K is split among. */
  splitK: Count,
});

/** A workgroup's tile of the result, and how its invocations share it. */
export type RegisterTile = Readonly<v.InferOutput<typeof RegisterTileSchema>>;

const kContiguous = (
  tileM: number,
  tileN: number,
  tileK: number,
  workgroupSplitK: number,
  ...threadTile: [number, number]
): RegisterTile => ({
  tileM,
  tileN,
  tileK,
  workgroupSplitK,
  threadTile,
  prefetchStages: 1,
  layout: "k-contiguous",
  splitK: 1,
});
const kMajor = (...sizes: Parameters<typeof kContiguous>): RegisterTile => ({
  ...kContiguous(...sizes),
  layout: "k-major",
});

const small = kContiguous(32, 32, 16, 1, 4, 4);
const medium = kContiguous(64, 64, 16, 1, 8, 8);

/** Up to so many columns a small tile is large enough. */
const smallColumns = 128;

/** Up to so many columns (768 of BERT-base for one) large tiles would be too few; and in between. */
const [fewColumns, someColumns] = [1024, 2560];

/** With few columns, from this K on (BERT-base's 3072) other tiles are the fastest. */
const longK = 2048;

/** Rows of the result, at most, for which there are very few tiles, few, and some. */
const [veryFewRows, fewRows, someRows] = [192, 1024, 4096];

/** The classes by which runs choose a tile: rows of the result, at most. */
export const registerSizeClasses: readonly [number, ...number[]] = [
  veryFewRows,
  fewRows,
  someRows,
  Number.POSITIVE_INFINITY,
];

/** The first tile that suits a problem and that the device allows. */
export function defaultRegisterTile(problem: MatmulProblem, limits: KernelLimits, maxRows: number): RegisterTile {
  const fits = (tile: RegisterTile): boolean => isValidRegisterTile(tile, problem, limits);
  return limits.isSoftware ? small : (preferredTiles(problem, maxRows).find(fits) ?? small);
}

/** Best first; those that are not for all devices were found by `fusebert tune` on an NVIDIA H200. */
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
 * Tiles of 48 and 96 divide the rows and columns of BERT-base into about as many as a large GPU computes at a time.
 * Register tiles that are higher than wide are faster on an NVIDIA H200 where operands are float32, wider ones where they
 * are float16, by 3 to 10 %; why was not found.
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
 * Whether the multiplications of a step are unrolled, not looped over. On an NVIDIA H200 BERT-base's wide results (2304
 * and 3072 columns) are 10 to 14 % faster unrolled, its narrow ones (768) 5 to 25 % slower; why was not found.
 */
export const unrolls = (columns: Extent): boolean => Number(columns) > fewColumns;

/**
 * A tile is valid if it divides evenly, K too where it is split; if its invocations load its operands' tiles evenly; and,
 * where it computes statistics, if its columns are a multiple of 32, their widest tile, and the invocations that have the
 * vectors of such a tile of statistics are neighbours.
 */
export function isValidRegisterTile(tile: RegisterTile, problem: MatmulProblem, limits: KernelLimits): boolean {
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

/** Bytes of workgroup memory, with room for statistics and for the two numbers of a LayerNorm a row, needed or not. */
export function memoryOf(tile: RegisterTile, { rowStatistics }: Pick<MatmulProblem, "rowStatistics">): number {
  return bytesOf(workgroupVariables(tile, { hasStatistics: true, rowStatistics: Math.max(2, rowStatistics) }));
}

/** What a kernel keeps in workgroup memory: the operands' tiles, the result on its way, and numbers of whole rows. */
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

const operandSizes = (tile: RegisterTile): OperandTileSizes => ({
  tileM: tile.tileM,
  tileN: tile.tileN,
  step: stepOf(tile),
  vector: 4,
  threads: threadsOf(tile),
});

export const kContiguousTiles = (tile: RegisterTile): KContiguousTiles => new KContiguousTiles(operandSizes(tile));

export const kMajorTiles = (tile: RegisterTile): KMajorTiles => new KMajorTiles(operandSizes(tile));

/** Vectors of k-major tiles, or of the partial sums that take their place where the workgroup splits K. */
function kMajorLength(tile: RegisterTile): number {
  const { tileM, tileN, workgroupSplitK, threadTile } = tile;
  const partialSums = workgroupSplitK === 1 ? 0 : (workgroupSplitK * (tileM / threadTile[0]) * tileN) / 4;
  return Math.max(kMajorTiles(tile).length, partialSums);
}

export function threadsOf(tile: RegisterTile): number {
  const [high, wide] = threadGrid(tile);
  return high * wide * tile.workgroupSplitK;
}

/** Elements of K that the whole workgroup multiplies in a step. */
export const stepOf = ({ tileK, workgroupSplitK }: RegisterTile): number => tileK * workgroupSplitK;

/** Invocations along the rows and the columns of the tile. What an invocation holds is so far apart. */
export const threadGrid = ({ tileM, tileN, threadTile }: RegisterTile): readonly [rows: number, columns: number] => [
  tileM / threadTile[0],
  tileN / threadTile[1],
];

/** Numbers of the result that the workgroup stages at a time. */
const stagedOf = ({ tileM, tileN, workgroupSplitK, threadTile }: RegisterTile): number =>
  (tileM / threadTile[0]) * tileN * workgroupSplitK;

/** Registers of a workgroup on most GPUs: its invocations' sums, and some for each invocation besides. */
const registers = 65_536;

/**
 * Left out: invocations with too few sums, which load more than they multiply, or with more than registers hold, prefetched
 * operands included; workgroups of fewer than 64 invocations; steps along K that are short, or longer than K.
 */
export function* registerTileCandidates(problem: MatmulProblem, rows: number): Generator<RegisterTile> {
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

/** `96×96×8×4 8·12 k-major ÷4 +2`: split-K after `÷`, prefetched stages after `+`. */
export const formatRegisterTile = ({ threadTile, layout, prefetchStages, splitK, ...sizes }: RegisterTile): string =>
  formatSizes({ sizes, grid: threadTile, ...(layout === "k-major" && { layout }), splitK, prefetchStages });
