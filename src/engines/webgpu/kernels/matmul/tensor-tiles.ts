/**
 * The tiles of matmuls in tensor cores, by the size of the work.
 *
 * Few rows make few tiles: there the inner dimension is divided among subgroups of one workgroup, and a long one among
 * workgroups (`shares.ts`), so that a GPU with more than a hundred multiprocessors is not idle. Many rows take large tiles,
 * which read each operand less often. Found by `fusebert tune` on an NVIDIA H200; any of them is right anywhere.
 *
 * Must stay true: every tile in use is valid (`isValidTensorTile`) where 48 KiB of workgroup memory are to be had.
 */
import type { KernelLimits } from "../../device/kernel-limits.ts";
import { fragment, subgroupSize } from "../fragments.ts";
import { canShare } from "./mainloop.ts";
import { Strips } from "./operand-tiles.ts";

/** A workgroup's tile of the result, and how its subgroups share it. */
export interface TensorTile {
  readonly rows: number;
  readonly columns: number;
  /** Of the inner dimension, that a subgroup takes at a time. */
  readonly depth: number;
  /** Subgroups along the rows, along the columns, and along the inner dimension. */
  readonly subgroups: readonly [number, number, number];
  /** Steps along the inner dimension that are on their way at a time. */
  readonly ahead: number;
  /** Among how many workgroups the inner dimension is divided (`shares.ts`). */
  readonly shares: number;
}

/** With one step on its way, and the inner dimension whole. */
export const tile = (
  rows: number,
  columns: number,
  depth: number,
  ...subgroups: [number, number, number]
): TensorTile => ({ rows, columns, depth, subgroups, ahead: 1, shares: 1 });

/** For at most so many columns (768 of BERT-base for one) tiles are to be smaller, or there are too few; and in between. */
const [fewColumns, someColumns] = [1024, 2560];

export const hasFewColumns = (columns: number): boolean => columns <= fewColumns;

/** Of few columns, from so long an inner dimension on (BERT-base's 3072) it is to be divided, where it may be. */
const longInner = 2048;

interface SizeClass {
  /** Rows of the result, at most. */
  readonly mostRows: number;
  readonly fewColumns: TensorTile;
  /** Best first; the last does not divide the inner dimension among workgroups. */
  readonly fewColumnsOfMuch: readonly [...TensorTile[], TensorTile];
  readonly someColumns: TensorTile;
  readonly manyColumns: TensorTile;
}

const classes: readonly [SizeClass, ...SizeClass[]] = [
  {
    mostRows: 192,
    fewColumns: tile(32, 32, 64, 1, 1, 4),
    fewColumnsOfMuch: [{ ...tile(64, 64, 64, 2, 2, 2), shares: 4 }, tile(32, 32, 64, 1, 1, 4)],
    someColumns: tile(48, 32, 32, 1, 1, 4),
    manyColumns: tile(64, 64, 64, 2, 2, 2),
  },
  {
    mostRows: 768,
    fewColumns: tile(48, 32, 32, 1, 1, 4),
    fewColumnsOfMuch: [
      { ...tile(48, 64, 32, 1, 2, 2), shares: 4 },
      { ...tile(48, 64, 32, 1, 2, 4), ahead: 2 },
    ],
    someColumns: tile(64, 64, 32, 2, 2, 2),
    manyColumns: tile(48, 64, 32, 1, 2, 2),
  },
  {
    mostRows: 4096,
    fewColumns: tile(96, 192, 64, 2, 4, 1),
    fewColumnsOfMuch: [tile(96, 192, 64, 2, 4, 1)],
    someColumns: tile(96, 192, 64, 2, 4, 1),
    manyColumns: tile(192, 128, 64, 4, 2, 1),
  },
  {
    mostRows: Number.POSITIVE_INFINITY,
    fewColumns: tile(128, 192, 64, 2, 4, 1),
    fewColumnsOfMuch: [tile(128, 192, 64, 2, 4, 1)],
    someColumns: tile(128, 192, 64, 2, 4, 1),
    manyColumns: tile(128, 192, 64, 2, 4, 1),
  },
];

const [smallest, ...larger] = classes;

/** What runs are told apart by: rows of the result, at most. */
export const sizeClasses: readonly [number, ...number[]] = [
  smallest.mostRows,
  ...larger.map(({ mostRows }) => mostRows),
];

/** What is multiplied, as far as its tile depends on it. */
export interface TensorProduct {
  /** The length of the inner dimension. */
  readonly inner: number;
  readonly columns: number;
  /** Whether the result may come in shares. */
  readonly isDivisible: boolean;
}

/** The tile for a product of at most so many rows. */
export function tileFor(mostRows: number, product: TensorProduct): TensorTile {
  const { inner, columns } = product;
  const choice = classes.find((sizeClass) => mostRows <= sizeClass.mostRows) as SizeClass;
  if (!hasFewColumns(columns)) return columns <= someColumns ? choice.someColumns : choice.manyColumns;
  if (inner < longInner) return choice.fewColumns;
  const isPossible = (candidate: TensorTile): boolean => canShare(candidate.shares, tensorStepOf(candidate), product);
  return choice.fewColumnsOfMuch.find(isPossible) ?? choice.fewColumns;
}

/** Of the inner dimension, that all subgroups take at a time. */
export const tensorStepOf = ({ depth, subgroups: [, , k] }: TensorTile): number => depth * k;

export const tensorInvocationsOf = ({ subgroups: [m, n, k] }: TensorTile): number => m * n * k * subgroupSize;

/** The operands' strips, in units of eight float16. */
export const tensorStripsOf = (own: TensorTile): Strips =>
  new Strips({ ...own, step: tensorStepOf(own), unit: 8, invocations: tensorInvocationsOf(own) });

/** Units of a line of a subgroup's strip of the result, 16 rows of float32. */
export const stagedLineOf = ({ columns, subgroups: [, n] }: TensorTile): number => columns / n / 4 + 1;

/** Units of 16 bytes of workgroup memory: the operands' strips, in whose place the result comes. */
export function tensorUnitsOf(own: TensorTile): number {
  const [m, n, k] = own.subgroups;
  return Math.max(tensorStripsOf(own).length, m * n * k * fragment * stagedLineOf(own));
}

/**
 * Whether a kernel can be made of a tile, and fits into the limits: it divides the inner dimension evenly, its subgroups have
 * whole fragments, its invocations share its operands' strips and its result evenly, its columns are a multiple of 32, the
 * widest tile of statistics, and there is room for the two numbers of a LayerNorm a row.
 */
export function isValidTensorTile(candidate: TensorTile, product: TensorProduct, limits: KernelLimits): boolean {
  const { rows, columns, depth, subgroups, ahead, shares } = candidate;
  const [m, n] = subgroups;
  if (![rows, columns, depth, ...subgroups, ahead, shares].every((size) => Number.isSafeInteger(size) && size > 0))
    return false;
  if (!canShare(shares, tensorStepOf(candidate), product)) return false;
  const hasFragments = rows % (m * fragment) === 0 && columns % (n * fragment) === 0 && depth % fragment === 0;
  if (!hasFragments || columns % 32 !== 0) return false;
  const invocations = tensorInvocationsOf(candidate);
  const sharesResult = (m * fragment * columns) % (4 * invocations) === 0;
  const bytes = tensorUnitsOf(candidate) * 16 + 2 * rows * 4;
  const fits = invocations <= limits.workgroupSize && bytes <= limits.workgroupMemory;
  return tensorStripsOf(candidate).isEven && sharesResult && fits;
}
