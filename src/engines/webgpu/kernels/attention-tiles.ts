/**
 * The tiles of attention in tensor cores, by the size of the work and of a head: what fits into 48 KiB of workgroup memory.
 */
import type { Attention } from "../../../passes/schedule.ts";

export interface AttentionTile {
  readonly queries: number;
  readonly keys: number;
  /** Subgroups that share 16 queries: each has its own keys of the first product and columns of the second. */
  readonly sharing: number;
}

/** The larger of the sizes of a query and of a value. */
export function headSizeOf({ products, context }: Attention): number {
  const query = products.operation.kind === "matmul" ? products.operation.left.shape.at(-1) : undefined;
  return Math.max(Number(query), Number(context.shape.at(-1)));
}

/** For a head size: more queries where there are many, so that keys and values are read less often. */
export function attentionTileFor(mostRows: number, headSize: number): AttentionTile {
  if (headSize > 64) return { queries: 32, keys: 32, sharing: 2 };
  return { queries: mostRows <= 768 ? 32 : 64, keys: 64, sharing: 2 };
}
