/**
 * The tiles of attention in tensor cores, by the size of the work and of a head, and what they take of workgroup memory.
 *
 * Must stay true: every tile in use is valid (`isValidTensorAttentionTile`) where 48 KiB of workgroup memory are to be had.
 */
import type { KernelLimits } from "../../device/kernel-limits.ts";
import { fragment, subgroupSize } from "../fragments.ts";
import type { HeadSize } from "./tiles.ts";

export interface TensorAttentionTile {
  readonly queries: number;
  readonly keys: number;
  /** Queries of a subgroup: 16, or 32, for which it reads keys and values once. */
  readonly own: number;
  /** Subgroups that share these queries: each has its own keys of the first product and columns of the second. */
  readonly sharing: number;
}

/** With at most so many heads there are too few tiles of 48 queries. */
const fewHeads = 4;

/**
 * For a head size: more queries where there are many, so that keys and values are read less often. Found by `fusebert tune`
 * on an NVIDIA H200.
 */
export function tensorAttentionTileFor(
  mostRows: number,
  { depth, width }: HeadSize,
  heads = Number.POSITIVE_INFINITY,
): TensorAttentionTile {
  if (Math.max(depth, width) > 64) return { queries: 32, keys: 32, own: 16, sharing: 2 };
  const hasFewTiles = mostRows <= 192 || (mostRows <= 768 && heads <= fewHeads);
  if (hasFewTiles) return { queries: 16, keys: 64, own: 16, sharing: 4 };
  if (mostRows <= 768) return { queries: 48, keys: 64, own: 16, sharing: 4 };
  return { queries: 96, keys: 32, own: 32, sharing: 1 };
}

/** A part of the workgroup's memory, in units of 16 bytes. */
export interface Region {
  readonly start: number;
  /** Units of a line. */
  readonly line: number;
}

/** How the memory of a workgroup with tensor cores is shared out. */
export interface AttentionLayout {
  /** Elements of a query or key, and of a value, with those that fill up the last fragment. */
  readonly depth: number;
  readonly width: number;
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
  /** Units of all of it. */
  readonly size: number;
}

/** A subgroup that shares its queries with none stages its sum in parts, for memory decides how many workgroups run at a time. */
export function layoutOf(tile: TensorAttentionTile, head: HeadSize): AttentionLayout {
  const { queries, keys, sharing } = tile;
  const filled = (size: number): number => Math.ceil(size / (fragment * sharing)) * fragment * sharing;
  const [depth, width] = [filled(head.depth), filled(head.width)];
  const staged = sharing === 1 ? Math.min(keys, width) : width;
  const ownsRows = lanesOf(tile) === 1;
  const key = { start: 0, line: depth / 8 + 1 };
  const value = { start: keys * key.line, line: width / 8 + 1 };
  const start = value.start + keys * value.line;
  const line = Math.max(keys, staged) / 4 + 1;
  const weights = { start, line: ownsRows ? line : keys / 8 + 1 };
  const rows = { start: ownsRows ? start : start + queries * weights.line, line };
  const size = rows.start + queries * Math.max(line, key.line);
  return { depth, width, key, value, weights, rows, ownsRows, staged, size };
}

/** Lanes that have a row of scores. */
export const lanesOf = ({ own, sharing }: TensorAttentionTile): number => (sharing * subgroupSize) / own;

export const tensorAttentionInvocationsOf = ({ queries, own, sharing }: TensorAttentionTile): number =>
  (queries / own) * sharing * subgroupSize;

/** Bytes: the layout, a scale a query, and whether to scale. */
export const tensorAttentionMemoryOf = (tile: TensorAttentionTile, head: HeadSize): number =>
  layoutOf(tile, head).size * 16 + tile.queries * 4 + 4;

/**
 * Whether a kernel can be made of a tile, and fits into the limits: subgroups have whole fragments of queries and of keys, and
 * the lanes that have a row of scores are a power of two, for their sums are made by halves.
 */
export function isValidTensorAttentionTile(tile: TensorAttentionTile, head: HeadSize, limits: KernelLimits): boolean {
  const { queries, keys, own, sharing } = tile;
  if (![queries, keys, sharing].every((count) => Number.isSafeInteger(count) && count > 0)) return false;
  const hasFragments = queries % own === 0 && keys % (fragment * sharing) === 0;
  if (![fragment, 2 * fragment].includes(own) || !hasFragments || ![1, 2, 4, 8, 16].includes(sharing)) return false;
  const { workgroupSize, workgroupMemory } = limits;
  return tensorAttentionInvocationsOf(tile) <= workgroupSize && tensorAttentionMemoryOf(tile, head) <= workgroupMemory;
}
