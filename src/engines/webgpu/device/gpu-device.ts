/**
 * A GPU device with accounted buffers, cached pipelines and actionable errors.
 *
 * Each program has an account; closing it destroys all buffers that the program created, also after a failure.
 *
 * Must stay true: every buffer and query set is created and destroyed here, so that `allocatedBytes` counts all memory.
 */
import { EngineError } from "../../../errors.ts";
import { formatBytes } from "../../../format/bytes.ts";
import { describe, hasTensorCores, openDevice } from "./adapter.ts";
import { DeviceHealth, type DeviceLostError } from "./device-health.ts";
import { type GpuIdentity, identityOf } from "./identity.ts";
import type { KernelLimits } from "./kernel-limits.ts";
import { PipelineCache } from "./pipeline-cache.ts";
import type { GpuPrecision } from "./precision.ts";

/** An object that takes GPU memory. */
type Allocation = GPUBuffer | GPUQuerySet;

/** The state that a device's accounts share. */
interface Shared {
  readonly device: GPUDevice;
  readonly info: GPUAdapterInfo;
  readonly health: DeviceHealth;
  readonly pipelines: PipelineCache;
  /** Each account's allocations, with their sizes in bytes. */
  readonly accounts: Set<Map<Allocation, number>>;
}

export class GpuDevice {
  readonly device: GPUDevice;
  /** Vendor, architecture and description, as far as the adapter reports them. */
  readonly description: string;
  readonly #shared: Shared;
  readonly #allocations = new Map<Allocation, number>();

  private constructor(shared: Shared) {
    this.#shared = shared;
    this.device = shared.device;
    this.description = describe(shared.info);
    shared.accounts.add(this.#allocations);
  }

  /**
   * @param options.tensorCores whether to request tensor cores where the adapter has them.
   * @throws EngineError if there is no adapter, or it gives no device.
   */
  static async open(gpu: GPU, { tensorCores = true }: { readonly tensorCores?: boolean } = {}): Promise<GpuDevice> {
    const { device, info } = await openDevice(gpu, tensorCores);
    const health = new DeviceHealth(device);
    return new GpuDevice({ device, info, health, pipelines: new PipelineCache(device, health), accounts: new Set() });
  }

  /** The same device with a new account. */
  openAccount(): GpuDevice {
    return new GpuDevice(this.#shared);
  }

  /** Destroys everything created through this account. Nothing submitted later may use it. */
  closeAccount(): void {
    for (const allocation of this.#allocations.keys()) allocation.destroy();
    this.#allocations.clear();
    this.#shared.accounts.delete(this.#allocations);
  }

  /** Why the device failed; `undefined` while it works. */
  get failure(): DeviceLostError | undefined {
    return this.#shared.health.failure;
  }

  /** Await every promise of the device through this: those of a lost device may never settle. */
  guard<T>(promise: Promise<T>): Promise<T> {
    return this.#shared.health.guard(promise);
  }

  /** The key of tuned tiles. */
  get identity(): GpuIdentity {
    return identityOf(this.#shared.info);
  }

  /** Whether it is a software adapter. */
  get isSoftware(): boolean {
    return this.#shared.info.isFallbackAdapter;
  }

  /** Bytes allocated in all accounts; none on a lost device. */
  get allocatedBytes(): number {
    if (this.failure) return 0;
    return [...this.#shared.accounts]
      .flatMap((allocations) => [...allocations.values()])
      .reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Whether it can time kernels. */
  get hasTimestamps(): boolean {
    return this.device.features.has("timestamp-query");
  }

  get kernelLimits(): KernelLimits {
    const { maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup } = this.device.limits;
    return {
      workgroupMemory: maxComputeWorkgroupStorageSize,
      workgroupSize: maxComputeInvocationsPerWorkgroup,
      tensorCores: hasTensorCores(this.device, this.#shared.info),
      isSoftware: this.isSoftware,
    };
  }

  supports(precision: GpuPrecision): boolean {
    return precision !== "f16" || this.device.features.has("shader-f16");
  }

  /** @throws EngineError for an unsupported precision. */
  precisionFor(precision: GpuPrecision | "auto"): GpuPrecision {
    if (precision === "auto") return this.supports("f16") ? "f16" : "f32";
    if (this.supports(precision)) return precision;
    throw new EngineError({
      found: `${this.description} does not compute in ${precision}`,
      expected: "an adapter with the feature shader-f16",
      advice: "Use --precision f32, or f16-storage, which takes as little memory as f16.",
    });
  }

  /** @throws EngineError for a size above the device's limit, or if memory is short. */
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
    return this.#allocate(label, size, () => this.device.createBuffer({ label, size, usage }));
  }

  /** Requires `hasTimestamps`. @throws EngineError if memory is short. */
  createTimestamps(label: string, count: number): Promise<GPUQuerySet> {
    return this.#allocate(label, count * 8, () => this.device.createQuerySet({ label, type: "timestamp", count }));
  }

  destroyBuffer(buffer: GPUBuffer): void {
    this.#free(buffer);
  }

  async #allocate<T extends Allocation>(label: string, size: number, make: () => T): Promise<T> {
    this.device.pushErrorScope("out-of-memory");
    const made = make();
    this.#allocations.set(made, size);
    const error = await this.guard(this.device.popErrorScope());
    if (error !== null) {
      this.#free(made);
      throw new EngineError({
        found: `the GPU has no ${formatBytes(size)} left for ${label}`,
        expected: `more free memory; ${formatBytes(this.allocatedBytes)} are in use here`,
        advice: "Use shorter or fewer sequences at a time, --precision f16-storage, or --device cpu.",
        cause: error,
      });
    }
    return made;
  }

  #free(allocation: Allocation): void {
    this.#allocations.delete(allocation);
    allocation.destroy();
  }

  /**
   * @param buffers the types of bind group 0's buffers, in order.
   * @throws KernelError if the driver refuses the source.
   */
  pipeline(label: string, code: string, buffers: readonly GPUBufferBindingType[]): Promise<GPUComputePipeline> {
    return this.#shared.pipelines.get(label, code, buffers);
  }

  /** Runs synchronous code that submits commands. @returns settles when they are validated; invalid ones silently give zeros. */
  submitting(commands: () => void): Promise<void> {
    this.device.pushErrorScope("validation");
    let scope: Promise<GPUError | null>;
    try {
      commands();
    } finally {
      scope = this.guard(this.device.popErrorScope());
      // If the commands threw, that error is reported.
      scope.catch(() => {});
    }
    return scope.then((error) => {
      if (error === null) return;
      throw new EngineError({
        found: `the GPU refused a run: ${error.message}`,
        expected: "commands that WebGPU accepts",
        advice: "This is a defect in fusebert or the driver: please report it. --device cpu works meanwhile.",
        cause: error,
      });
    });
  }

  /** Ends the device for all accounts. */
  destroy(): void {
    const { pipelines, accounts, health } = this.#shared;
    pipelines.clear();
    for (const allocations of accounts) {
      for (const allocation of allocations.keys()) allocation.destroy();
      allocations.clear();
    }
    accounts.clear();
    health.destroy();
  }
}
