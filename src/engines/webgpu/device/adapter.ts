/** Requests a device with all features and limits that kernels can use; they are probed, not inferred from names. */
import { EngineError, messageOf } from "../../../errors.ts";

/** Limits raised from WebGPU's defaults to the adapter's. */
const raisedLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
] as const;

/** Tensor cores; not standardized yet. */
const subgroupMatrix = "chromium-experimental-subgroup-matrix" as GPUFeatureName;

const wantedFeatures: readonly GPUFeatureName[] = ["shader-f16", "timestamp-query", "subgroups", subgroupMatrix];

/** A device, and its adapter's description. */
export interface OpenedDevice {
  readonly device: GPUDevice;
  readonly info: GPUAdapterInfo;
}

/**
 * @param tensorCores whether to request tensor cores where the adapter has them.
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

/** A fragment configuration that the hardware supports; not in the standard's types yet. */
interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Whether the tensor-core kernels run here: fragments of 16 × 16, subgroups of 32, and enough workgroup memory. */
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

/** Vendor, architecture and description, as far as the adapter reports them. */
export function describe({ vendor, architecture, device, description }: GPUAdapterInfo): string {
  const parts = [vendor, architecture, device, description].filter((part) => part !== "");
  return [...new Set(parts)].join(" ") || "a GPU that does not say what it is";
}
