/**
 * Asks a GPU's adapter for a device with all features and limits that kernels can use. They are probed, never guessed from a
 * name or version.
 */
import { EngineError, messageOf } from "../../../errors.ts";

/** Limits worth raising above WebGPU's defaults, to whatever the adapter has. */
const raisedLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
] as const;

/** The feature of tensor cores, which no standard has yet. */
const subgroupMatrix = "chromium-experimental-subgroup-matrix" as GPUFeatureName;

const wantedFeatures: readonly GPUFeatureName[] = ["shader-f16", "timestamp-query", "subgroups", subgroupMatrix];

/** A device, and what its adapter says of itself. */
export interface OpenedDevice {
  readonly device: GPUDevice;
  readonly info: GPUAdapterInfo;
}

/**
 * @param tensorCores whether to ask for them, where the adapter has them.
 * @throws EngineError if there is no adapter, or it gives no device.
 */
export async function openDevice(gpu: GPU, tensorCores: boolean): Promise<OpenedDevice> {
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) {
    throw new EngineError({
      found: "no GPU adapter is available to WebGPU",
      expected: "a GPU with a Vulkan, Metal or Direct3D 12 driver",
      advice: "Install the GPU's driver (on Linux also the Vulkan loader, libvulkan1), or compute with --device cpu.",
    });
  }
  const wanted = tensorCores ? wantedFeatures : wantedFeatures.filter((feature) => feature !== subgroupMatrix);
  try {
    const device = await adapter.requestDevice({
      label: "fusebert",
      requiredFeatures: wanted.filter((feature) => adapter.features.has(feature)),
      requiredLimits: Object.fromEntries(raisedLimits.map((name) => [name, adapter.limits[name]])),
    });
    return { device, info: adapter.info };
  } catch (cause) {
    throw new EngineError({
      found: `${describe(adapter.info)} gives no device: ${messageOf(cause)}`,
      expected: "an adapter that gives what it says it has",
      advice: "Update the GPU's driver, or compute with --device cpu.",
      cause,
    });
  }
}

/** A kind of fragment that the hardware multiplies; not in the types of the standard yet. */
interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Whether kernels/tensor-matmul.ts and its like run here: fragments of 16 × 16, in subgroups of 32, and room for tiles. */
export function hasTensorCores({ features, limits }: GPUDevice, info: GPUAdapterInfo): boolean {
  const needed: readonly GPUFeatureName[] = ["shader-f16", "subgroups", subgroupMatrix];
  if (!needed.every((feature) => features.has(feature))) return false;
  const { subgroupMatrixConfigs = [] } = info as { readonly subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig> };
  const hasFragments = [...subgroupMatrixConfigs].some(({ componentType, resultComponentType, M, N, K }) => {
    return componentType === "f16" && resultComponentType === "f32" && [M, N, K].every((size) => size === 16);
  });
  const isWarp = info.subgroupMinSize === 32 && info.subgroupMaxSize === 32;
  const hasRoom = limits.maxComputeWorkgroupStorageSize >= 48 * 1024 && limits.maxComputeInvocationsPerWorkgroup >= 512;
  return hasFragments && isWarp && hasRoom;
}

/** Vendor, architecture and description, as far as the adapter says. */
export function describe({ vendor, architecture, device, description }: GPUAdapterInfo): string {
  const parts = [vendor, architecture, device, description].filter((part) => part !== "");
  return [...new Set(parts)].join(" ") || "a GPU that does not say what it is";
}
