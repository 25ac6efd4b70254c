/**
 * Removes a LayerNorm's kernel: the matmul that produces its rows gathers their statistics in its epilogue, and the readers
 * of the normalised rows normalise them on reading.
 *
 * Applies to a LayerNorm that `split-statistics.ts` has split, if every reader is a matmul (as its left operand, or in place
 * in its epilogue) or elementwise. The row is stored before normalisation, with two numbers per tile; every reader repeats
 * the normalisation, which costs less than a trip through memory.
 */
import { computeOrder } from "../program/order.ts";
import { operandsOf, type Value } from "../program/program.ts";
import { viewedTensor } from "../program/views.ts";
import { matchTileStatistics, type TileStatistics } from "../rewrites/split-statistics.ts";
import { Merging } from "./merging.ts";
import type { Kernel, Schedule } from "./schedule.ts";

export function foldLayerNorm(schedule: Schedule): Schedule {
  const order = computeOrder(schedule.program);
  const merging = new Merging(schedule);
  for (const value of order) {
    const statistics = matchTileStatistics(value, order);
    if (statistics !== undefined && gatherStatistics(merging, statistics)) {
      for (const combining of merging.readersOf(statistics.means)) foldReaders(merging, combining);
    }
  }
  return merging.finish();
}

/** Moves the statistics into the kernel of the matmul that produces their rows. */
function gatherStatistics(merging: Merging, statistics: TileStatistics): boolean {
  const matmul = merging.writerOf(statistics.row);
  const gathering = merging.writerOf(statistics.squares);
  if (matmul?.template.kind !== "matmul") return false;
  if (gathering === undefined || gathering !== merging.writerOf(statistics.means)) return false;
  const readsOnlyTheRow = merging.predecessorsOf(gathering).size === 1 && merging.canMerge(matmul, gathering);
  if (!readsOnlyTheRow || matmul.template.statistics !== undefined) return false;
  merging.merge(matmul, gathering, { ...matmul.template, statistics });
  return true;
}

/** Unstores normalised rows if all their readers can normalise them. */
function foldReaders(merging: Merging, combining: Kernel): void {
  for (const normalizing of merging.successorsOf(combining)) {
    for (const normalized of normalizing.stores) {
      const readers = merging.readersOf(normalized);
      if (readers.every((reader) => canNormalize(merging, reader, normalized))) merging.unstore(normalized);
    }
  }
  const stillRead = [...merging.successorsOf(combining)].some(({ template }) => template.kind === "row-reduction");
  if (!stillRead) for (const value of combining.stores) merging.unstore(value);
}

function canNormalize(merging: Merging, { template, stores }: Kernel, normalized: Value): boolean {
  if (template.kind === "elementwise") return true;
  if (template.kind !== "matmul") return false;
  const inPlace = template.matmul.shape.join() === normalized.shape.join();
  return merging.interiorOf({ template, stores }).every((value) => {
    const { operation } = value;
    return operandsOf(operation).every((operand) => {
      if (operand !== normalized) return viewedTensor(operand) !== normalized;
      if (operation.kind === "matmul") return operation.left === normalized && operation.right !== normalized;
      return operation.kind === "elementwise" && inPlace && value.shape.join() === normalized.shape.join();
    });
  });
}
