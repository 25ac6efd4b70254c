/**
 * The tiles of matmuls in tensor cores, by the size of the work.
 *
 * Few rows make few tiles: there the inner dimension is divided among subgroups of one workgroup, so that a GPU with more
 * than a hundred multiprocessors is not idle. Many rows take large tiles, which read each operand less often. Found by a
 * search on an NVIDIA H200 (bench/results); any of them is right anywhere.
 *
 * Must stay true: every tile divides evenly among its invocations, fits into 48 KiB of workgroup memory, and has a multiple
 * of 32 columns, the widest tile of statistics.
 */

/** A workgroup's tile of the result, and how its subgroups share it. */
export interface TensorTile {
  readonly rows: number;
  readonly columns: number;
  /** Of the inner dimension, that a subgroup takes at a time. */
  readonly depth: number;
  /** Subgroups along the rows, along the columns, and along the inner dimension. */
  readonly subgroups: readonly [number, number, number];
}

const tile = (rows: number, columns: number, depth: number, ...subgroups: [number, number, number]): TensorTile => {
  return { rows, columns, depth, subgroups };
};

/** For at most so many columns (768 of BERT-base for one) tiles are to be smaller, or there are too few. */
const fewColumns = 1024;

interface SizeClass {
  /** Rows of the result, at most. */
  readonly mostRows: number;
  readonly fewColumns: TensorTile;
  readonly manyColumns: TensorTile;
}

const classes: readonly [SizeClass, ...SizeClass[]] = [
  { mostRows: 192, fewColumns: tile(32, 32, 64, 1, 1, 4), manyColumns: tile(64, 64, 32, 2, 2, 4) },
  { mostRows: 768, fewColumns: tile(48, 64, 32, 1, 2, 4), manyColumns: tile(48, 64, 32, 1, 2, 2) },
  { mostRows: 4096, fewColumns: tile(96, 96, 32, 2, 2, 2), manyColumns: tile(128, 128, 64, 4, 2, 1) },
  {
    mostRows: Number.POSITIVE_INFINITY,
    fewColumns: tile(96, 96, 32, 2, 2, 2),
    manyColumns: tile(128, 128, 32, 2, 2, 1),
  },
];

const [smallest, ...larger] = classes;

/** What runs are told apart by: rows of the result, at most. */
export const sizeClasses: readonly [number, ...number[]] = [
  smallest.mostRows,
  ...larger.map(({ mostRows }) => mostRows),
];

/** The tile for a result of at most so many rows, and so many columns. */
export function tileFor(mostRows: number, columns: number): TensorTile {
  const choice = classes.find((sizeClass) => mostRows <= sizeClass.mostRows) as SizeClass;
  return columns <= fewColumns ? choice.fewColumns : choice.manyColumns;
}
