/**
 * Finds out whether a device runs persistent kernels, and with how many workgroups: the largest count with which the
 * self-test, its subprograms compiled as persistent kernels, passes.
 */
import type { GpuDevice } from "../device/gpu-device.ts";
import type { GpuPrecision } from "../device/precision.ts";
import type { PersistentLimits } from "../plan/kernel-plan.ts";
import { persistentTiles } from "../plan/persistent-tiles.ts";
import { GridBarrierTimeout } from "./grid-barrier.ts";
import { selfTest, WrongNumbersError } from "./self-test.ts";

/** A large GPU runs one workgroup per multiprocessor; more would compete for its registers. */
const workgroupCounts = [128, 64, 32, 16];

/** @returns `undefined` for a device without tensor cores, or if the test fails with every count. */
export async function findPersistent(
  device: GpuDevice,
  precision: GpuPrecision,
): Promise<PersistentLimits | undefined> {
  if (precision !== "f16" || device.kernelLimits.tensorCores !== true) return undefined;
  const storageBuffers = device.device.limits.maxStorageBuffersPerShaderStage;
  for (const workgroups of workgroupCounts) {
    const limits = { workgroups, storageBuffers, tiles: persistentTiles };
    try {
      await selfTest(device, precision, limits);
      return limits;
    } catch (error) {
      if (error instanceof WrongNumbersError) return undefined;
      if (!(error instanceof GridBarrierTimeout)) throw error;
    }
  }
  return undefined;
}
