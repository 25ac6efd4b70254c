/**
 * The tiles of matmuls without tensor cores, by the size of the work and what the device's limits allow.
 *
 * An invocation holds up to eight by twelve sums, so that what it reads from workgroup memory serves many multiplications. Its
 * operands' strips are lines along the inner dimension (`matmul.ts`), or turned (`turned-matmul.ts`), which suits sums by fours.
 * Few rows make few tiles: there the inner dimension is divided among parts of one workgroup, and a long one among
 * workgroups (`shares.ts`), so that a large GPU is not idle.
 *
 * Must stay true: every tile in use is valid (`isValidMatmulTile`); the last candidate fits into the limits that every
 * WebGPU device has.
 */
import type { Extent } from "../../../../program/program.ts";
import type { KernelLimits } from "../../device/kernel-limits.ts";
import { TurnedStrips } from "./k-major-tiles.ts";
import { canShare } from "./mainloop.ts";
import { type StripSizes, Strips } from "./operand-tiles.ts";

/** A workgroup's tile of the result, and how its invocations share it. */
export interface MatmulTile {
  readonly rows: number;
  readonly columns: number;
  /** Of the inner dimension, that a part of the workgroup takes at a time. */
  readonly depth: number;
  /** Among how many parts of the workgroup the inner dimension is divided. */
  readonly parts: number;
  /** Rows and columns of one invocation. */
  readonly own: readonly [rows: number, columns: number];
  /** Steps along the inner dimension that are on their way at a time. */
  readonly ahead: number;
  readonly layout: "lines" | "turned";
  /** Among how many workgroups the inner dimension is divided (`shares.ts`). */
  readonly shares: number;
}

const tile = (rows: number, columns: number, depth: number, parts: number, ...own: [number, number]): MatmulTile => {
  return { rows, columns, depth, parts, own, ahead: 1, layout: "lines", shares: 1 };
};
const turned = (...sizes: Parameters<typeof tile>): MatmulTile => ({ ...tile(...sizes), layout: "turned" });

const small = tile(32, 32, 16, 1, 4, 4);
const medium = tile(64, 64, 16, 1, 8, 8);

/** For at most so many columns a small tile is large enough. */
const smallColumns = 128;

/** For at most so many columns (768 of BERT-base for one) tiles are to be smaller, or there are too few; and in between. */
const [fewColumns, someColumns] = [1024, 2560];

/** Of few columns, from so long an inner dimension on (BERT-base's 3072) other tiles are the fastest. */
const longInner = 2048;

/** Rows of the result, at most, for which there are very few tiles, few, and some. */
const [veryFewRows, fewRows, someRows] = [192, 1024, 4096];

/** What runs are told apart by: rows of the result, at most. */
export const plainSizeClasses: readonly [number, ...number[]] = [
  veryFewRows,
  fewRows,
  someRows,
  Number.POSITIVE_INFINITY,
];

/** The product whose result is cut into tiles. */
export interface Product {
  /** Rows of the result, at most. */
  readonly mostRows: number;
  readonly inner: Extent;
  readonly columns: Extent;
  /** Whether the kernel computes those of its result's tiles. */
  readonly hasStatistics: boolean;
  /** Whether the result may come in shares. */
  readonly isDivisible: boolean;
  /** Whether both operands lie in memory as float16. */
  readonly isOfHalves: boolean;
}

/** The first tile that suits a product and that the device allows. */
export function matmulTileFor(product: Product, limits: KernelLimits): MatmulTile {
  const fits = (candidate: MatmulTile): boolean => isValidMatmulTile(candidate, product, limits);
  return limits.isSoftware ? small : (candidatesFor(product).find(fits) ?? small);
}

/** Best first; those that are not for all devices were found by `fusebert tune` on an NVIDIA H200. */
function candidatesFor({ mostRows, inner, columns, isOfHalves }: Product): readonly MatmulTile[] {
  if (typeof columns !== "number" || columns <= smallColumns) return [small];
  if (mostRows > fewRows) return [...manyRows(mostRows, columns), tile(128, 128, 16, 1, 8, 8), medium, small];
  const withStatistics = columns <= fewColumns ? tile(32, 64, 8, 4, 4, 8) : tile(64, 64, 8, 4, 8, 8);
  const best =
    mostRows <= veryFewRows ? ofVeryFewRows(Number(inner), columns) : ofFewRows(Number(inner), columns, isOfHalves);
  return [...best, tile(48, 48, 16, 2, 6, 6), withStatistics, medium, small];
}

function manyRows(mostRows: number, columns: number): readonly MatmulTile[] {
  if (mostRows > someRows) return [turned(128, 128, 16, 1, 8, 8)];
  return columns <= fewColumns ? [turned(64, 64, 16, 1, 4, 8)] : [turned(64, 64, 16, 2, 8, 8)];
}

/**
 * 48 and 96 lines divide the rows and columns of BERT-base into about as many tiles as a large GPU computes at a time. Blocks
 * that are higher than wide are faster on an NVIDIA H200 where operands are float32, wider ones where they are float16, by 3
 * to 10 %; why was not found.
 */
function ofFewRows(inner: number, columns: number, isOfHalves: boolean): readonly MatmulTile[] {
  const large = isOfHalves ? turned(96, 96, 8, 4, 8, 12) : turned(96, 96, 8, 4, 12, 8);
  if (columns > someColumns) return [large];
  if (columns > fewColumns) return [turned(64, 64, 16, 2, 8, 8)];
  return [...(inner < longInner ? [] : [{ ...large, shares: 4 }]), tile(48, 48, 16, 4, 6, 6)];
}

function ofVeryFewRows(inner: number, columns: number): readonly MatmulTile[] {
  const usual = tile(24, 48, 16, 4, 6, 6);
  if (columns > someColumns) return [tile(64, 48, 16, 4, 8, 6), usual];
  if (columns > fewColumns) return [tile(16, 48, 8, 4, 4, 6), usual];
  return [inner < longInner ? tile(32, 32, 16, 4, 4, 4) : { ...tile(16, 48, 16, 4, 4, 6), ahead: 2 }, usual];
}

/**
 * Whether the multiplications of a step are written out, not looped over. On an NVIDIA H200 BERT-base's wide results (2304
 * and 3072 columns) are 10 to 14 % faster so, its narrow ones (768) 5 to 25 % slower; why was not found.
 */
export const unrolls = (columns: Extent): boolean => Number(columns) > fewColumns;

/**
 * Whether a kernel can be made of a tile, and fits into the limits: it divides evenly, as does the inner dimension where it
 * comes in shares, its invocations share its operands' strips evenly, and where it computes statistics its columns are a
 * multiple of 32, their widest tile, and the invocations that have the vectors of such a tile of statistics are neighbours.
 */
export function isValidMatmulTile(
  candidate: MatmulTile,
  product: Pick<Product, "hasStatistics" | "isDivisible" | "inner">,
  limits: KernelLimits,
): boolean {
  const { rows, columns, depth, parts, own, ahead, layout, shares } = candidate;
  const { hasStatistics } = product;
  if (![rows, columns, depth, parts, ...own, ahead, shares].every((size) => Number.isSafeInteger(size) && size > 0))
    return false;
  if (!canShare(shares, stepOf(candidate), product)) return false;
  if (columns % (hasStatistics ? 32 : 4) !== 0 || depth % 4 !== 0 || rows % own[0] !== 0 || columns % own[1] !== 0)
    return false;
  const isTurned = layout === "turned";
  if (isTurned && (hasStatistics || own.some((count) => count % 4 !== 0))) return false;
  const invocations = invocationsOf(candidate);
  const isEven = isTurned ? turnedStripsOf(candidate).isEven : stripsOf(candidate).isEven;
  const fits = invocations <= limits.workgroupSize && memoryOf(candidate) <= limits.workgroupMemory;
  return invocations % 8 === 0 && isEven && fits;
}

const sizesOf = (own: MatmulTile): StripSizes => ({
  rows: own.rows,
  columns: own.columns,
  step: stepOf(own),
  unit: 4,
  invocations: invocationsOf(own),
});

/** The operands' strips, in vectors of four. */
export const stripsOf = (own: MatmulTile): Strips => new Strips(sizesOf(own));

export const turnedStripsOf = (own: MatmulTile): TurnedStrips => new TurnedStrips(sizesOf(own));

/** Vectors of turned strips, or of the sums that come in their place where there are several parts. */
export function turnedLengthOf(own: MatmulTile): number {
  const { rows, columns, parts } = own;
  return Math.max(turnedStripsOf(own).length, parts === 1 ? 0 : (parts * (rows / own.own[0]) * columns) / 4);
}

export const invocationsOf = ({ rows, columns, parts, own }: MatmulTile): number =>
  (rows / own[0]) * (columns / own[1]) * parts;

/** Of the inner dimension, that all parts take at a time. */
export const stepOf = ({ depth, parts }: MatmulTile): number => depth * parts;

/** Invocations along the rows and along the columns: what an invocation has for its own is so far apart. */
export const apartOf = ({ rows, columns, own }: MatmulTile): readonly [rows: number, columns: number] => [
  rows / own[0],
  columns / own[1],
];

/** Numbers of the result that all parts stage at a time. */
export const stagedOf = ({ rows, columns, parts, own }: MatmulTile): number => (rows / own[0]) * columns * parts;

/** Bytes of workgroup memory, the numbers of whole rows and of statistics included. */
export function memoryOf(candidate: MatmulTile): number {
  const ofRows = 8 * candidate.rows;
  if (candidate.layout === "turned") return 16 * turnedLengthOf(candidate) + ofRows;
  return 16 * stripsOf(candidate).length + 4 * (stagedOf(candidate) + invocationsOf(candidate)) + ofRows;
}
