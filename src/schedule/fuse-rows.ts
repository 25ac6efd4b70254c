/**
 * Row fusion: reductions of a row and the operations that use them become one kernel.
 *
 * A LayerNorm or a softmax reads a row, reduces it, and uses the result on the same row: a kernel that processes whole rows
 * computes it all and writes only the result. Operations are merged if they have one element per element of the row, or one
 * per row, and read each other in place or at single columns.
 *
 * Does not apply across rows (after a transpose), or if another kernel has to run in between.
 */
import { operandsOf, type Shape, type Value } from "../program/program.ts";
import { Merging } from "./merging.ts";
import type { Kernel, Schedule } from "./schedule.ts";

export function fuseRows(schedule: Schedule): Schedule {
  const merging = new Merging(schedule);
  for (const kernel of schedule.kernels) {
    const rows = rowsOf(kernel, merging);
    if (rows === undefined) continue;
    let grown: Kernel | undefined = kernel;
    while (grown !== undefined && merging.has(grown)) grown = absorbOne(merging, grown, rows);
  }
  return merging.finish();
}

/** The shape of the rows that a kernel reduces. */
function rowsOf(kernel: Kernel, merging: Merging): Shape | undefined {
  if (kernel.template.kind !== "row-reduction" || !merging.has(kernel)) return undefined;
  for (const { operation } of merging.interiorOf(kernel))
    if (operation.kind === "reduce") return operation.operand.shape;
  return undefined;
}

function absorbOne(merging: Merging, kernel: Kernel, rows: Shape): Kernel | undefined {
  const fits = (other: Kernel): boolean => {
    const { kind } = other.template;
    const hasKind = kind === "row-reduction" || kind === "elementwise";
    return hasKind && other.stores.every(({ shape }) => isRowwise(shape, rows));
  };
  for (const consumer of merging.successorsOf(kernel)) {
    if (fits(consumer) && staysInRow(merging, kernel, consumer) && merging.canMerge(kernel, consumer)) {
      return merging.merge(kernel, consumer, kernel.template);
    }
  }
  for (const producer of merging.predecessorsOf(kernel)) {
    if (fits(producer) && staysInRow(merging, producer, kernel) && merging.canMerge(producer, kernel)) {
      return merging.merge(producer, kernel, kernel.template);
    }
  }
  return undefined;
}

/** [..., n] or [..., 1] of rows [..., n]. */
function isRowwise(shape: Shape, rows: Shape): boolean {
  const last = shape.at(-1);
  return shape.slice(0, -1).join() === rows.slice(0, -1).join() && (last === 1 || last === rows.at(-1));
}

/** Whether the consumer reads the producer's results only in place, or at columns of the same row. */
function staysInRow(merging: Merging, producer: Kernel, consumer: Kernel): boolean {
  const produced = new Set(producer.stores);
  const rank = producer.stores[0]?.shape.length ?? 0;
  /** Produced values, and slices of them. */
  const inRow = new Set<Value>(produced);
  return merging.interiorOf(consumer).every((value) => {
    const { operation } = value;
    const readsProduced = operandsOf(operation).some((operand) => inRow.has(operand));
    if (!readsProduced) return true;
    if (operation.kind === "slice") {
      inRow.add(value);
      return operation.axis === rank - 1;
    }
    if (operation.kind === "reduce") return true;
    return operation.kind === "elementwise" && value.shape.length === rank;
  });
}
