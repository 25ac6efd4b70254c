/**
 * The tiles of persistent kernels, all with workgroups of one size. Only for tensor cores, most of whose default tiles have
 * that size; without them, equal workgroups would cost more than is saved.
 */
import {
  defaultTensorAttentionTile,
  tensorAttentionThreadsOf,
  tensorAttentionTile,
} from "../kernels/attention/tensor-tiles.ts";
import {
  defaultTensorTile,
  hasFewColumns,
  type TensorTile,
  tensorThreadsOf,
  tensorTile,
} from "../kernels/matmul/tensor-tiles.ts";
import type { TileSource } from "./kernel-plan.ts";

/** Invocations of a workgroup. */
const threads = 256;

/** Matmul tiles instead of default tiles of another size: for few rows, by the number of columns, and for many rows. */
const forFewRows = { maxRows: 192, few: tensorTile(32, 64, 32, 1, 2, 4), many: tensorTile(64, 64, 32, 2, 2, 2) };
const forManyRows = tensorTile(96, 96, 32, 2, 2, 2);

/** The attention tile instead of a default one of another size. */
const attention = tensorAttentionTile(32, 64, 16, 4);

export const persistentTiles: TileSource = {
  origin: "persistent",
  tileFor: (family, shape, maxRows) => {
    const [first, second] = shape.map(Number) as [number, number];
    if (family === "row-reduction") return { threads };
    if (family === "tensor-matmul") return matmulTile(first, second, maxRows);
    if (family !== "tensor-attention") return undefined;
    const sizes = { shape, headSize: first, valueSize: second, heads: Number.POSITIVE_INFINITY };
    const tile = defaultTensorAttentionTile(sizes, maxRows);
    return tensorAttentionThreadsOf(tile) === threads ? tile : attention;
  },
};

function matmulTile(k: number, columns: number, maxRows: number): TensorTile {
  const tile = defaultTensorTile({ shape: [k, columns], canSplitK: false }, maxRows);
  if (tensorThreadsOf(tile) === threads) return tile;
  if (maxRows > forFewRows.maxRows) return forManyRows;
  return hasFewColumns(columns) ? forFewRows.few : forFewRows.many;
}
