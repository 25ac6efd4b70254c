/**
 * A GPU as the engine uses it: buffers that are counted, pipelines that are compiled once, errors that say what to do.
 *
 * Features and limits are probed on the adapter, and all of those that kernels can use are asked for.
 *
 * Must stay true: every buffer is made and given back here, so that `allocatedBytes` is all the memory held.
 */
import { EngineError } from "../../errors.ts";
import type { KernelLimits } from "./codegen/kernel-source.ts";
import type { GpuPrecision } from "./codegen/storage.ts";

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

const wantedFeatures: readonly GPUFeatureName[] = ["shader-f16", "timestamp-query"];

/** Why a kernel was not compiled, with its source. */
export class KernelError extends EngineError {
  readonly label: string;
  readonly code: string;

  constructor(label: string, code: string, reason: string, cause: unknown) {
    super({
      found: `the kernel ${label} was not compiled: ${reason}`,
      expected: "WGSL that this GPU's driver accepts",
      advice:
        "This is a defect in fusebert or the driver: please report it with the source, which --debug-dir saves. --device cpu works meanwhile.",
      cause,
    });
    this.label = label;
    this.code = code;
  }
}

export class GpuDevice {
  readonly device: GPUDevice;
  /** Vendor, architecture and description, as far as the adapter says. */
  readonly description: string;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #buffers = new Map<GPUBuffer, number>();
  #lost: GPUDeviceLostInfo | undefined;

  private constructor(device: GPUDevice, description: string) {
    this.device = device;
    this.description = description;
    void device.lost.then((info) => {
      this.#lost = info;
      this.#buffers.clear();
      this.#pipelines.clear();
    });
  }

  /** @throws EngineError if there is no adapter, or it gives no device. */
  static async open(gpu: GPU): Promise<GpuDevice> {
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    if (adapter === null) {
      throw new EngineError({
        found: "no GPU adapter is available to WebGPU",
        expected: "a GPU with a Vulkan, Metal or Direct3D 12 driver",
        advice: "Install the GPU's driver (on Linux also the Vulkan loader, libvulkan1), or compute with --device cpu.",
      });
    }
    try {
      const device = await adapter.requestDevice({
        label: "fusebert",
        requiredFeatures: wantedFeatures.filter((feature) => adapter.features.has(feature)),
        requiredLimits: Object.fromEntries(raisedLimits.map((name) => [name, adapter.limits[name]])),
      });
      return new GpuDevice(device, describe(adapter.info));
    } catch (cause) {
      throw new EngineError({ found: `the GPU gives no device: ${messageOf(cause)}`, cause });
    }
  }

  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  /** What happened, if the device is lost. */
  get lostReason(): string {
    return this.#lost?.message || this.#lost?.reason || "unknown";
  }

  /** Bytes of all buffers that have not been given back. */
  get allocatedBytes(): number {
    return [...this.#buffers.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  get hasTimestamps(): boolean {
    return this.device.features.has("timestamp-query");
  }

  get kernelLimits(): KernelLimits {
    const { maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup } = this.device.limits;
    return { workgroupMemory: maxComputeWorkgroupStorageSize, workgroupSize: maxComputeInvocationsPerWorkgroup };
  }

  supports(precision: GpuPrecision): boolean {
    return precision !== "f16" || this.device.features.has("shader-f16");
  }

  /** @throws EngineError for a size that the device does not allow, or has not. */
  async createBuffer(label: string, bytes: number, usage: GPUBufferUsageFlags): Promise<GPUBuffer> {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    const { maxBufferSize } = this.device.limits;
    if (size > maxBufferSize) {
      throw new EngineError({
        found: `${label} takes ${formatBytes(size)}`,
        expected: `at most ${formatBytes(maxBufferSize)}, the GPU's limit maxBufferSize`,
        advice: "Use shorter or fewer sequences at a time, --precision f16-storage, or --device cpu.",
      });
    }
    this.device.pushErrorScope("out-of-memory");
    const buffer = this.device.createBuffer({ label, size, usage });
    this.#buffers.set(buffer, size);
    const error = await this.device.popErrorScope();
    if (error !== null) {
      this.destroyBuffer(buffer);
      throw new EngineError({
        found: `the GPU has no ${formatBytes(size)} left for ${label}`,
        expected: `more free memory; ${formatBytes(this.allocatedBytes)} are in use here`,
        advice: "Use shorter or fewer sequences at a time, --precision f16-storage, or --device cpu.",
        cause: error,
      });
    }
    return buffer;
  }

  destroyBuffer(buffer: GPUBuffer): void {
    this.#buffers.delete(buffer);
    buffer.destroy();
  }

  /**
   * @param buffers what bind group 0 holds, in order.
   * @throws KernelError if the driver refuses the source.
   */
  pipeline(label: string, code: string, buffers: readonly GPUBufferBindingType[]): Promise<GPUComputePipeline> {
    const known = this.#pipelines.get(code);
    if (known !== undefined) return known;
    const pipeline = this.#compile(label, code, buffers);
    this.#pipelines.set(code, pipeline);
    // Whoever asked hears of it; nobody else need.
    pipeline.catch(() => this.#pipelines.delete(code));
    return pipeline;
  }

  async #compile(label: string, code: string, buffers: readonly GPUBufferBindingType[]): Promise<GPUComputePipeline> {
    this.device.pushErrorScope("validation");
    const bindGroup = this.device.createBindGroupLayout({
      label,
      entries: buffers.map((type, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } })),
    });
    const layout = this.device.createPipelineLayout({ label, bindGroupLayouts: [bindGroup] });
    const module = this.device.createShaderModule({ label, code });
    const scope = this.device.popErrorScope();
    try {
      const pipeline = await this.device.createComputePipelineAsync({ label, layout, compute: { module } });
      const error = await scope;
      if (error !== null) throw error;
      return pipeline;
    } catch (cause) {
      const refused = await scope.catch(() => null);
      throw new KernelError(label, code, refused?.message ?? messageOf(cause), cause);
    }
  }

  destroy(): void {
    this.#pipelines.clear();
    for (const buffer of this.#buffers.keys()) buffer.destroy();
    this.#buffers.clear();
    this.device.destroy();
  }
}

function describe({ vendor, architecture, device, description }: GPUAdapterInfo): string {
  const parts = [vendor, architecture, device, description].filter((part) => part !== "");
  return [...new Set(parts)].join(" ") || "a GPU that does not say what it is";
}

export function formatBytes(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const unit = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${Number((bytes / 2 ** (10 * unit)).toPrecision(3))} ${units[unit]}`;
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
