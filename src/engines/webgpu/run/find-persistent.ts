/**
 * Whether kernels may be persistent on a device, and with how many workgroups: the self-test, with subprograms as one kernel
 * each, as many workgroups as come out right.
 */

import type { GpuDevice } from "../device/gpu-device.ts";
import type { GpuPrecision } from "../device/precision.ts";
import type { PersistentLimits } from "../plan/kernel-plan.ts";
import { persistentTiles } from "../plan/persistent-tiles.ts";
import { GridBarrierTimeout } from "./grid-barrier.ts";
import { selfTest, WrongNumbersError } from "./self-test.ts";

/** A large GPU runs one of them on each multiprocessor; more would share one and its registers. */
const workgroupCounts = [128, 64, 32, 16];

/** @returns `undefined` for a device without tensor cores, and for one on which the test fails. */
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
