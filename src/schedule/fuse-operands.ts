/**
 * Attention's operands: queries and keys that are computed elementwise, such as those that ModernBERT rotates, are computed
 * where attention loads them, instead of by a kernel of their own that stores them.
 *
 * Keys are then computed once for each tile of queries, which costs less than the kernel. Runs after `fuse-vertical.ts`, when
 * what a matmul's epilogue computes is no longer elementwise. Does not apply to what another kernel reads too, to outputs, or
 * to rows of a table, which all layers share.
 */
import { operandsOf, type Value } from "../program/program.ts";
import { viewedTensor } from "../program/views.ts";
import { Merging } from "./merging.ts";
import type { Schedule } from "./schedule.ts";

export function fuseOperands(schedule: Schedule): Schedule {
  const merging = new Merging(schedule);
  for (const { template } of schedule.kernels) {
    if (template.kind !== "attention") continue;
    for (const operand of operandsOf(template.attention.products.operation).map(viewedTensor)) {
      if (isComputedForOne(merging, operand)) merging.unstore(operand);
    }
  }
  return merging.finish();
}

function isComputedForOne(merging: Merging, operand: Value): boolean {
  const writer = merging.writerOf(operand);
  if (writer?.template.kind !== "elementwise" || merging.isKept(operand)) return false;
  const isTable = merging.interiorOf(writer).some(({ operation }) => operation.kind === "gather");
  return !isTable && merging.readersOf(operand).length === 1;
}
