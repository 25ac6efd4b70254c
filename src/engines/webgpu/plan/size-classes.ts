/**
 * Size classes of runs: the best tile of a matmul depends on its number of rows, which is known only at run time, so kernels
 * are emitted for each class, and a run uses those of its class.
 */
import type { KernelLimits } from "../device/kernel-limits.ts";
import { sizeClassesFor } from "../kernels/families.ts";

/** Max rows of the class of a run. */
export const sizeClassOf = (rows: number, limits: KernelLimits): number =>
  sizeClassesFor(limits).find((maxRows) => rows <= maxRows) ?? Number.POSITIVE_INFINITY;
