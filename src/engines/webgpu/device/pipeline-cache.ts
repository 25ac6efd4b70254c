/** Compiled kernels: each source once, for all programs of a device. */
import { EngineError, messageOf } from "../../../errors.ts";
import type { DeviceHealth } from "./device-health.ts";

/** A kernel was not compiled. */
export class KernelError extends EngineError {
  readonly label: string;
  readonly code: string;
  readonly reason: string;

  constructor(label: string, code: string, reason: string, cause: unknown, source = "--debug-dir saves it") {
    super({
      found: `the kernel ${label} was not compiled: ${reason}`,
      expected: "WGSL that this GPU's driver accepts",
      advice: `This is a defect in fusebert or the driver: please report it with the kernel's source (${source}). --device cpu works meanwhile.`,
      cause,
    });
    this.label = label;
    this.code = code;
    this.reason = reason;
  }
}

export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #health: DeviceHealth;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: GPUDevice, health: DeviceHealth) {
    this.#device = device;
    this.#health = health;
  }

  /**
   * @param buffers the types of bind group 0's buffers, in order.
   * @throws KernelError if the driver refuses the source.
   */
  get(label: string, code: string, buffers: readonly GPUBufferBindingType[]): Promise<GPUComputePipeline> {
    const known = this.#pipelines.get(code);
    if (known !== undefined) return known;
    const compiling = this.#compile(label, code, buffers);
    // A failed compile is not cached.
    compiling.catch(() => this.#pipelines.delete(code));
    const pipeline = this.#health.guard(compiling);
    this.#pipelines.set(code, pipeline);
    return pipeline;
  }

  async #compile(label: string, code: string, buffers: readonly GPUBufferBindingType[]): Promise<GPUComputePipeline> {
    this.#device.pushErrorScope("validation");
    const bindGroup = this.#device.createBindGroupLayout({
      label,
      entries: buffers.map((type, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } })),
    });
    const layout = this.#device.createPipelineLayout({ label, bindGroupLayouts: [bindGroup] });
    const module = this.#device.createShaderModule({ label, code });
    const scope = this.#device.popErrorScope();
    try {
      const pipeline = await this.#device.createComputePipelineAsync({ label, layout, compute: { module } });
      const error = await scope;
      if (error !== null) throw error;
      return pipeline;
    } catch (cause) {
      const refused = await scope.catch(() => null);
      if (this.#health.failure) throw this.#health.failure;
      throw new KernelError(label, code, refused?.message ?? messageOf(cause), cause);
    }
  }

  clear(): void {
    this.#pipelines.clear();
  }
}
