/**
 * The kernel families. The first that accepts a kernel emits it; a new family is registered here.
 *
 * Those for tensor cores are imported for a device that has some: `loadFamilies` comes before a program is planned for it.
 */
import type { KernelLimits } from "../device/kernel-limits.ts";
import { registerAttention } from "./attention/register-attention.ts";
import { elementwise } from "./elementwise/elementwise.ts";
import type { KernelFamily } from "./family.ts";
import { gemv } from "./matmul/gemv.ts";
import { registerMatmul } from "./matmul/register-family.ts";
import { registerSizeClasses } from "./matmul/register-tiles.ts";
import { rowReduction } from "./row-reduction/row-reduction.ts";

type TensorFamilies = typeof import("./tensor-families.ts");

let tensorFamilies: TensorFamilies | undefined;

/** Imports the families that a device has and others have not. */
export async function loadFamilies({ tensorCores }: Pick<KernelLimits, "tensorCores">): Promise<void> {
  if (tensorCores) tensorFamilies ??= await import("./tensor-families.ts");
}

export function familiesFor(limits: Pick<KernelLimits, "tensorCores">): readonly KernelFamily[] {
  const tensor = tensorFamiliesFor(limits);
  return [
    gemv,
    ...(tensor ? [tensor.matmul] : []),
    registerMatmul,
    ...(tensor ? [tensor.attention] : []),
    registerAttention,
    rowReduction,
    elementwise,
  ];
}

/** Max rows of a matmul's result (tokens) in each class of runs; smallest first, the last is infinite. */
export const sizeClassesFor = (limits: Pick<KernelLimits, "tensorCores">): readonly [number, ...number[]] =>
  tensorFamiliesFor(limits)?.sizeClasses ?? registerSizeClasses;

function tensorFamiliesFor({ tensorCores }: Pick<KernelLimits, "tensorCores">): TensorFamilies | undefined {
  if (!tensorCores) return undefined;
  if (tensorFamilies === undefined) throw new Error("loadFamilies was not awaited");
  return tensorFamilies;
}
