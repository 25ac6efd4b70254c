/**
 * Collects the findings of kernels with bounds checks (check-bounds.ts): indexes out of bounds, and the sites reached.
 *
 * The kernels write into one buffer, bound to every pass as a second bind group, without the engine's knowledge.
 */
import type { LoweredKernel } from "../../src/engines/webgpu/plan/lower.ts";
import type { Placement } from "../../src/engines/webgpu/plan/placement.ts";
import { checkBounds, maxEntries, maxWords, wordsOf } from "./check-bounds.ts";
import { required } from "./golden.ts";

/** An index expression in a kernel. */
export interface Site {
  /** The engine's name of the kernel. */
  readonly kernel: string;
  readonly line: string;
}

export interface Violation extends Site {
  readonly index: number;
}

/** Where the members of `BoundsRecord` begin, in words of 32 bits. */
const [entriesAt, reachedAt] = [2, 2 + 2 * maxEntries];
const bytes = 4 * (reachedAt + maxWords);

export class BoundsRecord {
  readonly #device: GPUDevice;
  readonly #buffer: GPUBuffer;
  readonly #sites = new Map<number, Site>();
  /** The numbers of the first sites of kernels, by their source as it would be were they the only ones. */
  readonly #known = new Map<string, number>();
  #words = 0;

  /** From now on the device runs only kernels that `check` returned. */
  constructor(device: GPUDevice) {
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    this.#device = device;
    this.#buffer = device.createBuffer({ size: bytes, usage: STORAGE | COPY_SRC | COPY_DST });
    bindToAll(device, this.#buffer);
  }

  /** How many kernels there are, of different sources. */
  get kernels(): number {
    return this.#known.size;
  }

  /** The number of sites in all of them. */
  get sites(): number {
    return this.#sites.size;
  }

  /** The kernel with its bounds checked. */
  check(lowered: LoweredKernel, placement: Placement, name: string): LoweredKernel {
    const alone = checkBounds(lowered, placement, 0);
    const known = this.#known.get(alone.code);
    if (known !== undefined) return { ...lowered, code: checkBounds(lowered, placement, known).code };
    const first = 32 * this.#words;
    this.#words += wordsOf(alone.sites.length);
    if (this.#words > maxWords) throw new RangeError("more sites than the buffer holds");
    this.#known.set(alone.code, first);
    alone.sites.forEach((line, index) => {
      this.#sites.set(first + index, { kernel: name, line });
    });
    return { ...lowered, code: checkBounds(lowered, placement, first).code };
  }

  /** The violations since the last call: the last of each invocation, up to `maxEntries`. */
  async takeViolations(): Promise<Violation[]> {
    const words = await this.#read();
    this.#device.queue.writeBuffer(this.#buffer, 0, new Uint32Array(1));
    const count = Math.min(required(words[0]), maxEntries);
    return Array.from({ length: count }, (_, entry) => {
      const at = entriesAt + 2 * entry;
      return { ...required(this.#sites.get(required(words[at]))), index: required(words[at + 1]) };
    });
  }

  /** The sites that no invocation reached. */
  async unreached(): Promise<Site[]> {
    const words = await this.#read();
    return [...this.#sites].flatMap(([site, place]) => {
      const isReached = (required(words[reachedAt + Math.floor(site / 32)]) >>> (site % 32)) & 1;
      return isReached ? [] : [place];
    });
  }

  async #read(): Promise<Uint32Array> {
    const { MAP_READ, COPY_DST } = GPUBufferUsage;
    const copy = this.#device.createBuffer({ size: bytes, usage: MAP_READ | COPY_DST });
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(this.#buffer, 0, copy, 0, bytes);
    this.#device.queue.submit([encoder.finish()]);
    await copy.mapAsync(GPUMapMode.READ);
    const words = new Uint32Array(copy.getMappedRange().slice(0));
    copy.destroy();
    return words;
  }
}

/** Binds a buffer to every pass of a device, as group 1. */
function bindToAll(device: GPUDevice, buffer: GPUBuffer): void {
  const layout = device.createBindGroupLayout({
    entries: [{ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: "storage" } }],
  });
  const group = device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] });
  const createPipelineLayout = device.createPipelineLayout.bind(device);
  device.createPipelineLayout = ({ bindGroupLayouts, ...rest }) =>
    createPipelineLayout({ ...rest, bindGroupLayouts: [...bindGroupLayouts, layout] });
  const createCommandEncoder = device.createCommandEncoder.bind(device);
  device.createCommandEncoder = (descriptor) => {
    const encoder = createCommandEncoder(descriptor);
    const beginComputePass = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = (pass) => {
      const begun = beginComputePass(pass);
      begun.setBindGroup(1, group);
      return begun;
    };
    return encoder;
  };
}
