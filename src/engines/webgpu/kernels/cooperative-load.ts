/**
 * Assigns each invocation the vectors it loads into workgroup memory: a tile's vectors, row by row, go to the invocations
 * in turn. They are loaded into registers first, so that the loads are in flight during other computation.
 */

/** A vector that an invocation loads, as WGSL. */
export interface LoadSlot {
  readonly index: number;
  readonly row: string;
  /** Its index in the row. */
  readonly vector: string;
  /** The condition under which an invocation has this slot; absent if all have it. */
  readonly isInside?: string;
}

export function loadSlots(rows: number, vectorsPerRow: number, threads: number): readonly LoadSlot[] {
  const all = rows * vectorsPerRow;
  return Array.from({ length: Math.ceil(all / threads) }, (_, index) => {
    const place = index === 0 ? "local_index" : `(local_index + ${index * threads}u)`;
    const slot = { index, row: `${place} / ${vectorsPerRow}u`, vector: `${place} % ${vectorsPerRow}u` };
    return (index + 1) * threads <= all ? slot : { ...slot, isInside: `${place} < ${all}u` };
  });
}
