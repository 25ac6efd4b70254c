/**
 * The tiles of attention without tensor cores, by the size of the work and what the device's limits allow, and what they
 * take of workgroup memory. Large ones were found by `fusebert tune` on an NVIDIA H200.
 *
 * Must stay true: every tile in use is valid (`isValidAttentionTile`); the last of the table fits into the limits that
 * every WebGPU device has, for heads of up to 128 elements.
 */
import type { Attention } from "../../../../schedule/schedule.ts";
import type { KernelLimits } from "../../device/kernel-limits.ts";

/** Elements of a query or key, and of a value. */
export interface HeadSize {
  readonly depth: number;
  readonly width: number;
}

export function headSizeOf({ products, context }: Attention): HeadSize {
  const query = products.operation.kind === "matmul" ? products.operation.left.shape.at(-1) : undefined;
  return { depth: Number(query), width: Number(context.shape.at(-1)) };
}

export interface AttentionTile {
  readonly queries: number;
  readonly keys: number;
  /** Queries of one invocation, which has four keys. */
  readonly own: number;
}

const tile = (queries: number, keys: number, own: number): AttentionTile => ({ queries, keys, own });

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
function tilesFor(mostRows: number): readonly AttentionTile[] {
  if (mostRows <= veryFewQueries) return [tile(16, 64, 2), ...tiles];
  return mostRows <= fewQueries ? [tile(36, 64, 3), ...tiles] : tiles;
}

/** A CPU gains nothing from more registers. */
const softwareTiles: readonly AttentionTile[] = [tile(32, 32, 2), ...tiles.slice(4)];

export function attentionTileFor(mostRows: number, head: HeadSize, limits: KernelLimits): AttentionTile {
  const fits = (candidate: AttentionTile): boolean => isValidAttentionTile(candidate, head, limits);
  return (limits.isSoftware ? softwareTiles : tilesFor(mostRows)).find(fits) ?? (tiles.at(-1) as AttentionTile);
}

/** How the workgroup memory is shared out, in vectors of four. Lines are longer than what they hold, for the banks' sake. */
export interface AttentionMemory {
  /** From query to query. */
  readonly queryLine: number;
  /** From key to key; every four keys take one vector more, for neighbours read lines that are four apart. */
  readonly keyLine: number;
  /** From query to query of the weights, and of the numbers by which a query's invocations agree. */
  readonly weightLine: number;
  readonly queries: number;
  readonly lines: number;
  readonly weights: number;
}

const vectorsOf = (elements: number): number => Math.ceil(elements / 4);

export function attentionMemory({ queries, keys }: AttentionTile, { depth, width }: HeadSize): AttentionMemory {
  const queryLine = vectorsOf(depth) + 1;
  const keyLine = vectorsOf(Math.max(depth, width)) + 1;
  const weightLine = keys / 4 + 1;
  return {
    queryLine,
    keyLine,
    weightLine,
    queries: queries * queryLine,
    lines: keys * keyLine + keys / 4,
    weights: queries * weightLine,
  };
}

/** Bytes. */
export function attentionMemoryOf(candidate: AttentionTile, head: HeadSize): number {
  const { queries, lines, weights } = attentionMemory(candidate, head);
  return 16 * (queries + lines + weights) + 4 * weights;
}

export const attentionInvocationsOf = ({ queries, keys, own }: AttentionTile): number => (queries / own) * (keys / 4);

/** Whether a kernel can be made of a tile, and fits into the limits: keys come in fours, and queries divide evenly. */
export function isValidAttentionTile(candidate: AttentionTile, head: HeadSize, limits: KernelLimits): boolean {
  const { queries, keys, own } = candidate;
  if (![queries, keys, own].every((count) => Number.isSafeInteger(count) && count > 0)) return false;
  if (keys % 4 !== 0 || queries % own !== 0) return false;
  const { workgroupSize, workgroupMemory } = limits;
  return attentionInvocationsOf(candidate) <= workgroupSize && attentionMemoryOf(candidate, head) <= workgroupMemory;
}
