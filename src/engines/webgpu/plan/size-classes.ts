/**
 * Classes of runs by their size: the best tile of a matmul depends on how many rows it has, which is known only at run
 * time, so kernels are emitted for each class and a run takes those of its own.
 */
import type { KernelLimits } from "../device/kernel-limits.ts";
import { registerSizeClasses } from "../kernels/matmul/register-tiles.ts";
import { tensorSizeClasses } from "../kernels/matmul/tensor-tiles.ts";

/** The largest runs of each class, in rows of a matmul's result (tokens); smallest first, the last is infinite. */
export const sizeClassesOf = ({ tensorCores }: KernelLimits): readonly [number, ...number[]] =>
  tensorCores ? tensorSizeClasses : registerSizeClasses;

/** The largest runs of the class that has so many rows. */
export const sizeClassOf = (rows: number, limits: KernelLimits): number =>
  sizeClassesOf(limits).find((maxRows) => rows <= maxRows) ?? Number.POSITIVE_INFINITY;
