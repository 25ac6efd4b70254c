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

type DeviceKind = Pick<KernelLimits, "tensorCores">;

const withoutTensorCores: readonly KernelFamily[] = [
  gemv,
  registerMatmul,
  registerAttention,
  rowReduction,
  elementwise,
];

let tensorFamilies: typeof import("./tensor-families.ts") | undefined;
let withTensorCores: readonly KernelFamily[] = [];

/** Imports the families that a device has and others have not. */
export async function loadFamilies({ tensorCores }: DeviceKind): Promise<void> {
  if (!tensorCores || tensorFamilies !== undefined) return;
  tensorFamilies = await import("./tensor-families.ts");
  const { matmul, attention } = tensorFamilies;
  withTensorCores = [gemv, matmul, registerMatmul, attention, registerAttention, rowReduction, elementwise];
}

export function familiesFor({ tensorCores }: DeviceKind): readonly KernelFamily[] {
  if (tensorCores) requireLoaded();
  return tensorCores ? withTensorCores : withoutTensorCores;
}

/** Max rows of a matmul's result (tokens) in each class of runs; smallest first, the last is infinite. */
export const sizeClassesFor = ({ tensorCores }: DeviceKind): readonly [number, ...number[]] =>
  tensorCores ? requireLoaded().sizeClasses : registerSizeClasses;

function requireLoaded(): NonNullable<typeof tensorFamilies> {
  if (tensorFamilies === undefined) throw new Error("loadFamilies was not awaited");
  return tensorFamilies;
}
