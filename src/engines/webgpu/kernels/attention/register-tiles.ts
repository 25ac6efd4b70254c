/**
 * The tiles of attention without tensor cores, by problem size and the device's limits, and their workgroup memory. The
 * large ones were found by `fusebert tune` on an NVIDIA H200.
 *
 * Must stay true: every tile in use is valid; the last of the table fits into the limits that every WebGPU device has, for
 * heads of up to 128 elements.
 */
import * as v from "valibot";
import type { KernelLimits } from "../../device/kernel-limits.ts";
import { bytesOf, type WorkgroupVariable } from "../../wgsl/declarations.ts";
import { areCounts, type Tiling } from "../family.ts";
import { Count, combinations, formatSizes } from "../tile-sizes.ts";
import type { AttentionProblem, HeadSizes } from "./problem.ts";

const TileSchema = v.object({
  /** Queries and keys of a workgroup. */
  queries: Count,
  keys: Count,
  /** Queries of an invocation, which has four keys. */
  threadQueries: Count,
});

export type AttentionTile = Readonly<v.InferOutput<typeof TileSchema>>;

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

/** Max rows for which there are too few tiles of 36 queries, and of 48. */
const [veryFewQueries, fewQueries] = [192, 1024];

/** With 384 tokens and 12 heads, 36 queries make 132 workgroups, one wave of a large GPU; 32 make 144, a second wave. */
function tilesFor(maxRows: number): readonly AttentionTile[] {
  if (maxRows <= veryFewQueries) return [tile(16, 64, 2), ...tiles];
  return maxRows <= fewQueries ? [tile(36, 64, 3), ...tiles] : tiles;
}

/** A software adapter gains nothing from more registers. */
const softwareTiles: readonly AttentionTile[] = [tile(32, 32, 2), ...tiles.slice(4)];

function defaultTile(problem: AttentionProblem, limits: KernelLimits, maxRows: number): AttentionTile {
  const fits = (candidate: AttentionTile): boolean => isValid(candidate, problem, limits);
  return (limits.isSoftware ? softwareTiles : tilesFor(maxRows)).find(fits) ?? (tiles.at(-1) as AttentionTile);
}

/** Row strides in workgroup memory, in vectors of four. Rows are padded, so that they begin in different banks. */
export interface AttentionStrides {
  readonly query: number;
  /** Every four keys take one vector more, since neighbours read rows that are four apart. */
  readonly key: number;
  /** The stride of weights, and of the partial results that a query's invocations exchange. */
  readonly weight: number;
}

const vectorsOf = (elements: number): number => Math.ceil(elements / 4);

export const attentionStrides = ({ keys }: AttentionTile, { headSize, valueSize }: HeadSizes): AttentionStrides => ({
  query: vectorsOf(headSize) + 1,
  key: vectorsOf(Math.max(headSize, valueSize)) + 1,
  weight: keys / 4 + 1,
});

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

const threadsOf = ({ queries, keys, threadQueries }: AttentionTile): number => (queries / threadQueries) * (keys / 4);

/** A tile is valid if keys are a multiple of four, queries divide evenly, and it fits the limits. */
function isValid(tile: AttentionTile, sizes: HeadSizes, limits: KernelLimits): boolean {
  const { queries, keys, threadQueries } = tile;
  if (!areCounts([queries, keys, threadQueries]) || keys % 4 !== 0 || queries % threadQueries !== 0) return false;
  const { workgroupSize, workgroupMemory } = limits;
  return threadsOf(tile) <= workgroupSize && bytesOf(attentionVariables(tile, sizes)) <= workgroupMemory;
}

/** Excluded: workgroups of fewer than 64 invocations, and of more than 512. */
function* candidates(): Generator<AttentionTile> {
  for (const [queries, keys, threadQueries] of combinations(
    [16, 24, 32, 48, 64, 96],
    [16, 32, 48, 64, 96, 128],
    [2, 3, 4, 6, 8],
  )) {
    const candidate = tile(queries, keys, threadQueries);
    const threads = threadsOf(candidate);
    if (queries % threadQueries === 0 && threads >= 64 && threads <= 512) yield candidate;
  }
}

export const registerAttentionTiling: Tiling<AttentionProblem, AttentionTile> = {
  defaultTile,
  isValid,
  threadsOf,
  workgroupVariables: attentionVariables,
  hasGrid: true,
  tuning: { schema: TileSchema, candidates, format: (sizes) => formatSizes({ sizes }) },
};
