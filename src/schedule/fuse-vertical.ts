/**
 * Vertical fusion: elementwise operations move into the kernel that feeds them.
 *
 * Bias, activation, scale, mask and residual are applied to a matmul's result while it is still in registers; a chain of
 * elementwise operations becomes one kernel. An operation moves when it has exactly the elements of what it reads and
 * reads each at the same place; its other operands may be anything that is there by then, seen through any view.
 *
 * Does not apply when the elements meet in another order (a transpose between), when one of them is needed at another
 * place (a row's first column), or when something else has to run in between.
 */
import { operandsOf } from "../program/program.ts";
import { viewedTensor } from "../program/views.ts";
import { Merging } from "./merging.ts";
import type { Kernel, Schedule } from "./schedule.ts";

export function fuseVertically(schedule: Schedule): Schedule {
  const merging = new Merging(schedule);
  // Matmuls first: what could go to either saves more there.
  for (const kind of ["matmul", "elementwise"]) {
    for (const kernel of schedule.kernels) {
      if (kernel.template.kind !== kind) continue;
      let producer: Kernel | undefined = kernel;
      while (producer !== undefined && merging.has(producer)) producer = absorbOne(merging, producer);
    }
  }
  return merging.finish();
}

/** The kernel after one of its consumers moved into it; `undefined` when none can. */
function absorbOne(merging: Merging, producer: Kernel): Kernel | undefined {
  for (const consumer of merging.successorsOf(producer)) {
    const fits = consumer.template.kind === "elementwise" && readsInPlace(merging, producer, consumer);
    if (fits && merging.canMerge(producer, consumer)) return merging.merge(producer, consumer, producer.template);
  }
  return undefined;
}

function readsInPlace(merging: Merging, producer: Kernel, consumer: Kernel): boolean {
  const shape = producer.stores[0]?.shape.join();
  if ([...producer.stores, ...consumer.stores].some((value) => value.shape.join() !== shape)) return false;
  const produced = new Set(producer.stores);
  return merging
    .interiorOf(consumer)
    .every(({ operation }) =>
      operandsOf(operation).every((operand) => produced.has(operand) || !produced.has(viewedTensor(operand))),
    );
}
