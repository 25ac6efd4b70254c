/**
 * The tiles of attention in tensor cores, by the size of the work and of a head, and what they take of workgroup memory.
 *
 * Must stay true: every tile in use is valid where there are 48 KiB of workgroup memory.
 */
import * as v from "valibot";
import type { KernelLimits } from "../../device/kernel-limits.ts";
import { bytesOf, type WorkgroupVariable } from "../../wgsl/declarations.ts";
import { areCounts } from "../family.ts";
import { fragment, subgroupSize } from "../fragments.ts";
import { Count, combinations, formatSizes } from "../tile-sizes.ts";
import type { AttentionProblem, HeadSizes } from "./problem.ts";

export const TensorAttentionTileSchema = v.object({
  /** Queries and keys of a workgroup. */
  queries: Count,
  keys: Count,
  /** Queries of a subgroup: 16, or 32, for which it reads keys and values once. */
  subgroupQueries: Count,
  /** Subgroups for the same queries: each has its own keys of the first product and columns of the second. */
  subgroupsPerQueryTile: Count,
});

export type TensorAttentionTile = Readonly<v.InferOutput<typeof TensorAttentionTileSchema>>;

export const tensorAttentionTile = (
  queries: number,
  keys: number,
  subgroupQueries: number,
  subgroupsPerQueryTile: number,
): TensorAttentionTile => ({ queries, keys, subgroupQueries, subgroupsPerQueryTile });

/** With at most so many heads there are too few tiles of 48 queries. */
const fewHeads = 4;

/**
 * For a head size: more queries where there are many, so that keys and values are read less often. Found by `fusebert tune`
 * on an NVIDIA H200.
 */
export function defaultTensorAttentionTile(
  { headSize, valueSize, heads }: AttentionProblem,
  maxRows: number,
): TensorAttentionTile {
  if (Math.max(headSize, valueSize) > 64) return tensorAttentionTile(32, 32, 16, 2);
  const hasFewTiles = maxRows <= 192 || (maxRows <= 768 && heads <= fewHeads);
  if (hasFewTiles) return tensorAttentionTile(16, 64, 16, 4);
  return maxRows <= 768 ? tensorAttentionTile(48, 64, 16, 4) : tensorAttentionTile(96, 32, 32, 1);
}

/** A part of the workgroup's memory, in vectors of 16 bytes. */
export interface Region {
  readonly start: number;
  /** From row to row. */
  readonly stride: number;
}

/** How the memory of a workgroup is shared out. */
export interface AttentionLayout extends HeadSizes {
  /** Both sizes with the elements that fill up the last fragment. */
  readonly headSize: number;
  readonly valueSize: number;
  readonly key: Region;
  readonly value: Region;
  /** In the place of the scores where `ownsRows`. */
  readonly weights: Region;
  /** Of the scores, and of the weighted sum when it is scaled or stored. */
  readonly rows: Region;
  /** Whether one lane has a whole row: it may put its weights where it read its scores. */
  readonly ownsRows: boolean;
  /** Columns of the weighted sum that `rows` has room for at a time. */
  readonly staged: number;
  /** Vectors of all of it. */
  readonly size: number;
}

/** A subgroup that has its queries alone stages its sum in parts, for memory decides how many workgroups run at a time. */
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

/** What a kernel keeps in workgroup memory: the layout, a scale a query, and whether to scale. */
export function tensorAttentionVariables(tile: TensorAttentionTile, head: HeadSizes): WorkgroupVariable[] {
  const comment = "Keys, values, weights, and rows of scores or of the weighted sum.";
  return [
    { name: "tile", element: "vec4<u32>", count: layoutOf(tile, head).size, comment },
    { name: "scales", element: "f32", count: tile.queries },
    { name: "must_scale", element: "atomic<u32>" },
  ];
}

/** Lanes that have a row of scores. */
export const lanesOf = ({ subgroupQueries, subgroupsPerQueryTile }: TensorAttentionTile): number =>
  (subgroupsPerQueryTile * subgroupSize) / subgroupQueries;

export const tensorAttentionThreadsOf = (tile: TensorAttentionTile): number =>
  (tile.queries / tile.subgroupQueries) * tile.subgroupsPerQueryTile * subgroupSize;

/**
 * A tile is valid if subgroups have whole fragments of queries and of keys, the lanes that have a row of scores are a power of
 * two, for their sums are made by halves, and it fits into the limits.
 */
export function isValidTensorAttentionTile(tile: TensorAttentionTile, head: HeadSizes, limits: KernelLimits): boolean {
  const { queries, keys, subgroupQueries, subgroupsPerQueryTile } = tile;
  if (!areCounts([queries, keys, subgroupsPerQueryTile])) return false;
  const hasFragments = queries % subgroupQueries === 0 && keys % (fragment * subgroupsPerQueryTile) === 0;
  if (![fragment, 2 * fragment].includes(subgroupQueries) || !hasFragments) return false;
  if (![1, 2, 4, 8, 16].includes(subgroupsPerQueryTile)) return false;
  const { workgroupSize, workgroupMemory } = limits;
  const fits = bytesOf(tensorAttentionVariables(tile, head)) <= workgroupMemory;
  return tensorAttentionThreadsOf(tile) <= workgroupSize && fits;
}

/** Left out: workgroups of more than 512 invocations. */
export function* tensorAttentionTileCandidates(): Generator<TensorAttentionTile> {
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

/** `48×64×16×4`. */
export const formatTensorAttentionTile = (sizes: TensorAttentionTile): string => formatSizes({ sizes });
