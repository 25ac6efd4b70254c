/**
 * The devices that kernels are generated for, as they would report what they can do. No GPU is needed.
 *
 * Trusted kernels are not told apart: what is left out for them is Dawn's, and their WGSL is the same.
 */

import type { GpuPrecision } from "../../src/engines/webgpu/device/precision.ts";
import { loadFamilies } from "../../src/engines/webgpu/kernels/families.ts";
import type { PlanLimits } from "../../src/engines/webgpu/plan/kernel-plan.ts";
import { persistentTiles } from "../../src/engines/webgpu/plan/persistent-tiles.ts";

await loadFamilies({ tensorCores: true });

export interface Device {
  readonly name: string;
  readonly limits: PlanLimits;
  readonly precisions: readonly GpuPrecision[];
}

const all: readonly GpuPrecision[] = ["f32", "f16", "f16-storage"];
const tensorCores = { workgroupMemory: 48 * 1024, workgroupSize: 1024, tensorCores: true } as const;

const persistent = (workgroups: number, storageBuffers: number): PlanLimits => ({
  ...tensorCores,
  persistent: { workgroups, storageBuffers, tiles: persistentTiles },
});

/** WebGPU's minimum; the software GPU; AMD and Apple; NVIDIA without and with tensor cores. */
export const devices: readonly Device[] = [
  { name: "16 KiB", limits: { workgroupMemory: 16_384, workgroupSize: 256 }, precisions: all },
  { name: "software", limits: { workgroupMemory: 16_384, workgroupSize: 256, isSoftware: true }, precisions: all },
  { name: "32 KiB", limits: { workgroupMemory: 32_768, workgroupSize: 1024 }, precisions: all },
  { name: "48 KiB", limits: { workgroupMemory: 48 * 1024, workgroupSize: 1024 }, precisions: all },
  { name: "tensor cores", limits: tensorCores, precisions: all },
  { name: "persistent", limits: persistent(128, 16), precisions: ["f16"] },
  { name: "persistent, few bindings", limits: persistent(16, 8), precisions: ["f16"] },
];

/** The devices that differ most, with the precisions that differ most. */
export const fewDevices: readonly Device[] = devices
  .filter(({ name }) => name === "software" || name === "48 KiB" || name === "tensor cores")
  .map((device) => ({
    ...device,
    precisions: device.name === "tensor cores" ? ["f16"] : device.name === "software" ? ["f32"] : all,
  }));
