/**
 * Size classes of runs: the best tile of a matmul depends on its number of rows, which is known only at run time, so kernels
 * are emitted for each class, and a run uses those of its class.
 */
import type { KernelLimits } from "../device/kernel-limits.ts";
import { registerSizeClasses } from "../kernels/matmul/register-tiles.ts";
import { tensorSizeClasses } from "../kernels/matmul/tensor-tiles.ts";

/** Max rows of a matmul's result (tokens) in each class; smallest first, the last is infinite. */
export const sizeClassesOf = ({ tensorCores }: KernelLimits): readonly [number, ...number[]] =>
  tensorCores ? tensorSizeClasses : registerSizeClasses;

/** Max rows of the class of a run. */
export const sizeClassOf = (rows: number, limits: KernelLimits): number =>
  sizeClassesOf(limits).find((maxRows) => rows <= maxRows) ?? Number.POSITIVE_INFINITY;
