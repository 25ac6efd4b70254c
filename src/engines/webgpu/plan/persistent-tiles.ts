/**
 * The tiles of kernels that become one (`persistent.ts`): all with as many invocations in a workgroup. For tensor cores alone,
 * whose usual tiles are mostly of that kind already; without them, tiles alike would be slower than what is saved.
 */

import {
  type TensorAttentionTile,
  tensorAttentionInvocationsOf,
  tensorAttentionTileFor,
} from "../kernels/attention/tensor-tiles.ts";
import { hasFewColumns, type TensorTile, tensorInvocationsOf, tile, tileFor } from "../kernels/matmul/tensor-tiles.ts";
import type { TileKind, TileSource, Tiles } from "./choose-tile.ts";

export interface PersistentLimits {
  /** That run at the same time. */
  readonly workgroups: number;
  /** Of each workgroup. */
  readonly invocations: number;
  /** That a kernel may bind. */
  readonly storageBuffers: number;
  readonly tiles: TileSource;
}

/** Of a workgroup in tensor cores. */
export const persistentInvocations = 256;

/** Instead of usual tiles of another number of invocations: for few rows, by their columns, and for many of few columns. */
const ofFewRows = { mostRows: 192, few: tile(32, 64, 32, 1, 2, 4), many: tile(64, 64, 32, 2, 2, 2) };
const ofManyRows = tile(96, 96, 32, 2, 2, 2);

/** Instead of one of another number of invocations. */
const attention: TensorAttentionTile = { queries: 32, keys: 64, own: 16, sharing: 4 };

export const persistentTiles: TileSource = {
  origin: "persistent",
  tileFor: <K extends TileKind>(kind: K, shape: readonly unknown[], mostRows: number): Tiles[K] | undefined => {
    const [first, second] = shape.map(Number) as [number, number];
    if (kind === "tensor-matmul") return matmulTileFor(first, second, mostRows) as Tiles[K];
    if (kind !== "tensor-attention") return undefined;
    const usual = tensorAttentionTileFor(mostRows, { depth: first, width: second });
    if (tensorAttentionInvocationsOf(usual) === persistentInvocations) return usual as Tiles[K];
    return attention as Tiles[K];
  },
};

function matmulTileFor(inner: number, columns: number, mostRows: number): TensorTile {
  const usual = tileFor(mostRows, { inner, columns, isDivisible: false });
  if (tensorInvocationsOf(usual) === persistentInvocations) return usual;
  if (mostRows > ofFewRows.mostRows) return ofManyRows;
  return hasFewColumns(columns) ? ofFewRows.few : ofFewRows.many;
}
