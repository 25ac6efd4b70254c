/**
 * The tiles of attention without tensor cores, by the size of the work and what the device's limits allow, and what they
 * take of workgroup memory. Large ones were found by `fusebert tune` on an NVIDIA H200.
 *
 * Must stay true: every tile in use is valid; the last of the table fits into the limits that every WebGPU device has, for
 * heads of up to 128 elements.
 */
import * as v from "valibot";
import type { KernelLimits } from "../../device/kernel-limits.ts";
import { bytesOf, type WorkgroupVariable } from "../../wgsl/declarations.ts";
import { areCounts } from "../family.ts";
import { Count, combinations, formatSizes } from "../tile-sizes.ts";
import type { AttentionProblem, HeadSizes } from "./problem.ts";

export const AttentionTileSchema = v.object({
  /** Queries and keys of a workgroup. */
  queries: Count,
  keys: Count,
  /** Queries of one invocation, which has four keys. */
  threadQueries: Count,
});

export type AttentionTile = Readonly<v.InferOutput<typeof AttentionTileSchema>>;

const tile = (queries: number, keys: number, threadQueries: number): AttentionTile => ({
  queries,
  keys,
  threadQueries,
});

/** Best first. */
const tiles: readonly AttentionTile[] = [
  tile(48, 64, 2),
  tile(48, 64, 4),
  tile(32, 64, 4),
  tile(32, 32, 4),
  tile(16, 32, 2),
  tile(16, 16, 2),
  tile(8, 16, 2),
];

/** Of at most so many queries there are too few tiles of 36, and of 48. */
const [veryFewQueries, fewQueries] = [192, 1024];

/**
 * 36 queries make 132 workgroups of 384 tokens and twelve heads, which a large GPU computes at a time; 32 make 144, of which
 * it computes a few after all others.
 */
function tilesFor(maxRows: number): readonly AttentionTile[] {
  if (maxRows <= veryFewQueries) return [tile(16, 64, 2), ...tiles];
  return maxRows <= fewQueries ? [tile(36, 64, 3), ...tiles] : tiles;
}

/** A CPU gains nothing from more registers. */
const softwareTiles: readonly AttentionTile[] = [tile(32, 32, 2), ...tiles.slice(4)];

export function defaultAttentionTile(problem: AttentionProblem, limits: KernelLimits, maxRows: number): AttentionTile {
  const fits = (candidate: AttentionTile): boolean => isValidAttentionTile(candidate, problem, limits);
  return (limits.isSoftware ? softwareTiles : tilesFor(maxRows)).find(fits) ?? (tiles.at(-1) as AttentionTile);
}

/** Strides in workgroup memory, in vectors of four. Rows are longer than what they hold, so that banks differ. */
export interface AttentionStrides {
  /** From query to query. */
  readonly query: number;
  /** From key to key; every four keys take one vector more, for neighbours read rows that are four apart. */
  readonly key: number;
  /** From query to query of the weights, and of the numbers by which a query's invocations agree. */
  readonly weight: number;
}

const vectorsOf = (elements: number): number => Math.ceil(elements / 4);

export const attentionStrides = ({ keys }: AttentionTile, { headSize, valueSize }: HeadSizes): AttentionStrides => ({
  query: vectorsOf(headSize) + 1,
  key: vectorsOf(Math.max(headSize, valueSize)) + 1,
  weight: keys / 4 + 1,
});

/** What a kernel keeps in workgroup memory. */
export function attentionVariables(tile: AttentionTile, sizes: HeadSizes): WorkgroupVariable[] {
  const { queries, keys } = tile;
  const { query, key, weight } = attentionStrides(tile, sizes);
  const comment = "Keys first, then the values of the same positions.";
  return [
    { name: "queries", element: "vec4<f32>", count: queries * query },
    { name: "keys_or_values", element: "vec4<f32>", count: keys * key + keys / 4, comment },
    { name: "weights", element: "vec4<f32>", count: queries * weight },
    { name: "partials", element: "f32", count: queries * weight },
  ];
}

export const attentionThreadsOf = ({ queries, keys, threadQueries }: AttentionTile): number =>
  (queries / threadQueries) * (keys / 4);

/** A tile is valid if keys come in fours, queries divide evenly, and it fits into the limits. */
export function isValidAttentionTile(tile: AttentionTile, sizes: HeadSizes, limits: KernelLimits): boolean {
  const { queries, keys, threadQueries } = tile;
  if (!areCounts([queries, keys, threadQueries]) || keys % 4 !== 0 || queries % threadQueries !== 0) return false;
  const { workgroupSize, workgroupMemory } = limits;
  return attentionThreadsOf(tile) <= workgroupSize && bytesOf(attentionVariables(tile, sizes)) <= workgroupMemory;
}

/** Left out: workgroups of fewer than 64 invocations, and of more than 512. */
export function* attentionTileCandidates(): Generator<AttentionTile> {
  for (const [queries, keys, threadQueries] of combinations(
    [16, 24, 32, 48, 64, 96],
    [16, 32, 48, 64, 96, 128],
    [2, 3, 4, 6, 8],
  )) {
    const candidate = tile(queries, keys, threadQueries);
    const threads = attentionThreadsOf(candidate);
    if (queries % threadQueries === 0 && threads >= 64 && threads <= 512) yield candidate;
  }
}

/** `48×64×2`. */
export const formatAttentionTile = (sizes: AttentionTile): string => formatSizes({ sizes });
