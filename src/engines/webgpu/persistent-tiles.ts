/**
 * The tiles of kernels that become one (`persistent.ts`): all with as many invocations in a workgroup. For tensor cores alone,
 * whose usual tiles are mostly of that kind already; without them, tiles alike would be slower than what is saved.
 */
import type { TileKind, TileSource, Tiles } from "./choose-tile.ts";
import {
  type TensorAttentionTile,
  tensorAttentionInvocationsOf,
  tensorAttentionTileFor,
} from "./kernels/tensor-attention-tiles.ts";
import { type TensorTile, tensorInvocationsOf, tileFor } from "./kernels/tensor-tiles.ts";

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

const tile = (rows: number, columns: number, depth: number, ...subgroups: [number, number, number]): TensorTile => {
  return { rows, columns, depth, subgroups, ahead: 1 };
};

/** Instead of tiles of another number of invocations, by the rows they are for. */
const matmulTiles: readonly { readonly mostRows: number; readonly few: TensorTile; readonly many: TensorTile }[] = [
  { mostRows: 192, few: tile(32, 64, 32, 1, 2, 4), many: tile(64, 64, 32, 2, 2, 2) },
  { mostRows: 768, few: tile(48, 64, 32, 1, 2, 4), many: tile(96, 96, 32, 2, 2, 2) },
  { mostRows: Number.POSITIVE_INFINITY, few: tile(96, 96, 32, 2, 2, 2), many: tile(192, 128, 64, 4, 2, 1) },
];

/** Instead of one of another number of invocations. */
const attention: TensorAttentionTile = { queries: 32, keys: 64, sharing: 4 };

/** From so many columns on there are many. */
const manyColumns = 1024;

export const persistentTiles: TileSource = {
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
  const usual = tileFor(mostRows, columns, inner);
  if (tensorInvocationsOf(usual) === persistentInvocations) return usual;
  const choice = matmulTiles.find((each) => mostRows <= each.mostRows) as (typeof matmulTiles)[number];
  return columns < manyColumns ? choice.few : choice.many;
}
