/**
 * Vertical fusion: elementwise operations move into the kernel that produces their operand.
 *
 * Bias, activation, scale, mask and residual are applied to a matmul's result while it is still in registers; a chain of
 * elementwise operations becomes one kernel. An operation moves if it has the shape of the producer's result and reads each
 * element in place; its other operands may be any tensors stored by then, seen through any view.
 *
 * Does not apply if the order of elements differs (a transpose between), if an element is needed at another place (a row's
 * first column), or if another kernel has to run in between.
 */
import { operandsOf } from "../program/program.ts";
import { viewedTensor } from "../program/views.ts";
import { Merging } from "./merging.ts";
import type { Kernel, Schedule } from "./schedule.ts";

export function fuseVertically(schedule: Schedule): Schedule {
  const merging = new Merging(schedule);
  // Matmuls first: an operation that fits both saves more there.
  for (const kind of ["matmul", "elementwise"]) {
    for (const kernel of schedule.kernels) {
      if (kernel.template.kind !== kind) continue;
      let producer: Kernel | undefined = kernel;
      while (producer !== undefined && merging.has(producer)) producer = absorbOne(merging, producer);
    }
  }
  return merging.finish();
}

/** The kernel merged with one of its consumers; `undefined` if none can be merged. */
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
