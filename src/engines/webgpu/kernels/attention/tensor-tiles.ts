/**
 * The tiles of attention in tensor cores, by problem size and head size, and their layout of workgroup memory.
 *
 * Must stay true: every default tile is valid on devices with 48 KiB of workgroup memory.
 */
import * as v from "valibot";
import type { KernelLimits } from "../../device/kernel-limits.ts";
import { bytesOf, type WorkgroupVariable } from "../../wgsl/declarations.ts";
import { areCounts, type Tiling } from "../family.ts";
import { fragment, subgroupSize } from "../fragments.ts";
import { Count, combinations, formatSizes } from "../tile-sizes.ts";
import type { AttentionProblem, HeadSizes } from "./problem.ts";

const TileSchema = v.object({
  /** Queries and keys of a workgroup. */
  queries: Count,
  keys: Count,
  /** Queries of a subgroup: 16, or 32, which share its reads of keys and values. */
  subgroupQueries: Count,
  /** Subgroups for the same queries: they divide the keys of the first product, and the columns of the second. */
  subgroupsPerQueryTile: Count,
});

export type TensorAttentionTile = Readonly<v.InferOutput<typeof TileSchema>>;

export const tensorAttentionTile = (
  queries: number,
  keys: number,
  subgroupQueries: number,
  subgroupsPerQueryTile: number,
): TensorAttentionTile => ({ queries, keys, subgroupQueries, subgroupsPerQueryTile });

/** Max heads for which there are too few tiles of 48 queries. */
const fewHeads = 4;

/** Larger tiles where there are many queries: they read keys and values less often. Found by `fusebert tune` on an H200. */
export function defaultTensorAttentionTile(
  { headSize, valueSize, heads }: AttentionProblem,
  maxRows: number,
): TensorAttentionTile {
  if (Math.max(headSize, valueSize) > 64) return tensorAttentionTile(32, 32, 16, 2);
  const hasFewTiles = maxRows <= 192 || (maxRows <= 768 && heads <= fewHeads);
  if (hasFewTiles) return tensorAttentionTile(16, 64, 16, 4);
  return maxRows <= 768 ? tensorAttentionTile(48, 64, 16, 4) : tensorAttentionTile(96, 32, 32, 1);
}

/** A region of workgroup memory: its start and row stride, in vectors of 16 bytes. */
export interface Region {
  readonly start: number;
  readonly stride: number;
}

/** The layout of workgroup memory, for head sizes padded to whole fragments. */
export interface AttentionLayout extends HeadSizes {
  readonly key: Region;
  readonly value: Region;
  /** The same region as the scores where `ownsRows`. */
  readonly weights: Region;
  /** The scores, and the weighted sum while it is scaled or stored. */
  readonly rows: Region;
  /** Whether one lane has a whole row, whose weights then overwrite its scores. */
  readonly ownsRows: boolean;
  /** Columns of the weighted sum that fit into `rows`. */
  readonly staged: number;
  /** Vectors of the whole layout. */
  readonly size: number;
}

/** A single subgroup per query tile stages its sum in several steps, since memory limits occupancy. */
export function layoutOf(tile: TensorAttentionTile, head: HeadSizes): AttentionLayout {
  const { queries, keys, subgroupsPerQueryTile } = tile;
  const group = fragment * subgroupsPerQueryTile;
  const filled = (size: number): number => Math.ceil(size / group) * group;
  const [headSize, valueSize] = [filled(head.headSize), filled(head.valueSize)];
  const staged = subgroupsPerQueryTile === 1 ? Math.min(keys, valueSize) : valueSize;
  const ownsRows = lanesOf(tile) === 1;
  const key = { start: 0, stride: headSize / 8 + 1 };
  const value = { start: keys * key.stride, stride: valueSize / 8 + 1 };
  const start = value.start + keys * value.stride;
  const stride = Math.max(keys, staged) / 4 + 1;
  const weights = { start, stride: ownsRows ? stride : keys / 8 + 1 };
  const rows = { start: ownsRows ? start : start + queries * weights.stride, stride };
  const size = rows.start + queries * Math.max(stride, key.stride);
  return { headSize, valueSize, key, value, weights, rows, ownsRows, staged, size };
}

export function tensorAttentionVariables(tile: TensorAttentionTile, head: HeadSizes): WorkgroupVariable[] {
  const comment = "Keys, values, weights, and rows of scores or of the weighted sum.";
  return [
    { name: "tile", element: "vec4<u32>", count: layoutOf(tile, head).size, comment },
    { name: "scales", element: "f32", count: tile.queries },
    { name: "must_scale", element: "atomic<u32>" },
  ];
}

/** Lanes per row of scores. */
export const lanesOf = ({ subgroupQueries, subgroupsPerQueryTile }: TensorAttentionTile): number =>
  (subgroupsPerQueryTile * subgroupSize) / subgroupQueries;

export const tensorAttentionThreadsOf = (tile: TensorAttentionTile): number =>
  (tile.queries / tile.subgroupQueries) * tile.subgroupsPerQueryTile * subgroupSize;

/** A tile is valid if subgroups have whole fragments, the lanes per row are a power of two, and it fits the limits. */
function isValid(tile: TensorAttentionTile, head: HeadSizes, limits: KernelLimits): boolean {
  const { queries, keys, subgroupQueries, subgroupsPerQueryTile } = tile;
  if (!areCounts([queries, keys, subgroupsPerQueryTile])) return false;
  const hasFragments = queries % subgroupQueries === 0 && keys % (fragment * subgroupsPerQueryTile) === 0;
  if (![fragment, 2 * fragment].includes(subgroupQueries) || !hasFragments) return false;
  if (![1, 2, 4, 8, 16].includes(subgroupsPerQueryTile)) return false;
  const { workgroupSize, workgroupMemory } = limits;
  const fits = bytesOf(tensorAttentionVariables(tile, head)) <= workgroupMemory;
  return tensorAttentionThreadsOf(tile) <= workgroupSize && fits;
}

/** Excluded: workgroups of more than 512 invocations. */
function* candidates(): Generator<TensorAttentionTile> {
  for (const sizes of combinations(
    [16, 32, 48, 64, 96, 128, 192, 256],
    [16, 32, 48, 64, 96, 128],
    [16, 32],
    [1, 2, 4],
  )) {
    const tile = tensorAttentionTile(...sizes);
    if (tensorAttentionThreadsOf(tile) <= 512) yield tile;
  }
}

export const tensorAttentionTiling: Tiling<AttentionProblem, TensorAttentionTile> = {
  defaultTile: (problem, _, maxRows) => defaultTensorAttentionTile(problem, maxRows),
  isValid,
  threadsOf: tensorAttentionThreadsOf,
  workgroupVariables: tensorAttentionVariables,
  hasGrid: true,
  tuning: { schema: TileSchema, candidates, format: (sizes) => formatSizes({ sizes }) },
};
