/** Injects faults between the engine and the software GPU. */
import { required } from "./golden.ts";

/** The faults; each may be changed while the engine is used. */
export interface Faults {
  noAdapter?: boolean;
  features?: ReadonlySet<string>;
  limits?: Readonly<Record<string, number>>;
  changeSource?: (code: string) => string;
  /** Buffers larger than this find no memory. */
  memory?: number;
  onSubmit?: (device: GPUDevice) => void;
  onBuffer?: (device: GPUDevice) => void;
  devices: number;
}

type Overrides = Readonly<Record<string, unknown>>;

/** The object with some members replaced. Native methods require the object itself as `this`. */
function standIn<T extends object>(target: T, overrides: () => Overrides): T {
  return new Proxy(target, {
    get(_, name) {
      const replaced = overrides();
      if (typeof name === "string" && name in replaced) return replaced[name];
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

/** The GPU with faults. */
export function faultyGpu(gpu: GPU, faults: Faults): GPU {
  return standIn(gpu, () => ({
    requestAdapter: async () => {
      if (faults.noAdapter) return null;
      const adapter = required((await gpu.requestAdapter()) ?? undefined);
      return standIn(adapter, () => ({
        ...(faults.limits && { limits: standIn(adapter.limits, () => faults.limits ?? {}) }),
        ...(faults.features && { features: faults.features }),
        requestDevice: async (descriptor: GPUDeviceDescriptor) => {
          faults.devices++;
          return faultyDevice(await adapter.requestDevice(descriptor), faults);
        },
      }));
    },
  }));
}

function faultyDevice(device: GPUDevice, faults: Faults): GPUDevice {
  const { limits = {} } = faults;
  const limited = standIn(device.limits, () => limits);
  const queue = standIn(device.queue, () => ({
    submit: (buffers: GPUCommandBuffer[]) => {
      device.queue.submit(buffers);
      faults.onSubmit?.(device);
    },
  }));
  let isOutOfMemory = false;
  return standIn(device, () => ({
    limits: limited,
    queue,
    createShaderModule: ({ code, ...rest }: GPUShaderModuleDescriptor) =>
      device.createShaderModule({ ...rest, code: faults.changeSource?.(code) ?? code }),
    createBuffer: (descriptor: GPUBufferDescriptor) => {
      isOutOfMemory = descriptor.size > (faults.memory ?? Number.POSITIVE_INFINITY);
      faults.onBuffer?.(device);
      return device.createBuffer(descriptor);
    },
    popErrorScope: async () => {
      const isMine = isOutOfMemory;
      isOutOfMemory = false;
      const error = await device.popErrorScope();
      return isMine ? { message: "out of memory" } : error;
    },
  }));
}
