/**
 * One kernel of a program alone: how long it takes, and what it computes. Where its result may come in shares, it is timed
 * together with the kernels that add them up.
 *
 * What it reads is made by the kernels before it, once in each submission, which also keeps the GPU at its clock. Then it is
 * dispatched over and over in a pass of its own, with the weights of another layer each time (`weight-copies.ts`), timed by the
 * GPU's clock as a whole, so that neither the host's time nor the pass's counts. A GPU without a clock is timed by the host:
 * many dispatches less few.
 *
 * Must stay true: the kernel may be any that binds what the program's own kernel at that place binds; all memory is given
 * back by `close`.
 */

import { bindInputs, bindShape, type Binding as ExtentBinding, inputsOf } from "../../../program/bind.ts";
import { computeOrder } from "../../../program/order.ts";
import type { Program, Value } from "../../../program/program.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import type { ReadParameter } from "../../engine.ts";
import type { GpuDevice } from "../device/gpu-device.ts";
import { kindOf, type LoweredKernel, type Lowering } from "../plan/lower.ts";
import type { Placement } from "../plan/placement.ts";
import { type Arena, createArena } from "../run/arena.ts";
import { compileKernel } from "../run/compile-kernel.ts";
import { type BufferRange, type Constants, uploadConstants } from "../run/constants.ts";
import { workgroupsOf } from "../run/encode-run.ts";
import { fromGpu } from "../run/host-tensors.ts";
import { KernelTimer, readKernelTimes } from "../run/kernel-timer.ts";
import { writeInputs } from "../run/run-inputs.ts";
import { byteLength } from "../wgsl/storage.ts";
import { bindWeightCopies, weightsOf } from "./weight-copies.ts";

export interface KernelRigParts {
  readonly program: Program;
  readonly placement: Placement;
  /** The program's kernels, in order. */
  readonly kernels: readonly LoweredKernel[];
  /** Layers of the model that the program is one of: as many weights take turns. */
  readonly layers: number;
  /** Others that are to find room for what they store, in as many shares as they have, of as many tokens as they are for. */
  readonly roomFor: readonly Lowering[];
}

/** A kernel that takes the place of one of the program's own. */
export interface PlacedKernel {
  /** Whose place. */
  readonly index: number;
  readonly kernel: LoweredKernel;
}

/** A kernel, and those that are timed with it. */
export type PlacedKernels = readonly [PlacedKernel, ...PlacedKernel[]];

/** A program's inputs by name. */
export type Inputs = ReadonlyMap<string, Tensor>;

/** A part of the GPU's memory that is to be read. */
interface Reading extends BufferRange {
  readonly at: number;
}

export class KernelRig {
  readonly #gpu: GpuDevice;
  readonly #parts: KernelRigParts;
  readonly #inputs: ReadonlyMap<string, Value>;
  readonly #pipelines: readonly GPUComputePipeline[];
  readonly #arena: Arena;
  readonly #timer: KernelTimer | undefined;
  readonly #constants: Constants;
  readonly #times: GPUBuffer;
  /** Of each kernel that was timed, in different weights. */
  readonly #bindGroups = new Map<number, Promise<readonly GPUBindGroup[]>>();

  private constructor(
    gpu: GpuDevice,
    parts: KernelRigParts,
    inputs: ReadonlyMap<string, Value>,
    pipelines: readonly GPUComputePipeline[],
    memory: { readonly arena: Arena; readonly constants: Constants; readonly times: GPUBuffer },
    timer: KernelTimer | undefined,
  ) {
    this.#gpu = gpu;
    this.#parts = parts;
    this.#inputs = inputs;
    this.#pipelines = pipelines;
    this.#arena = memory.arena;
    this.#constants = memory.constants;
    this.#times = memory.times;
    this.#timer = timer;
  }

  /** @param largest of what the program will be given: nothing may have more tokens. */
  static async create(
    device: GpuDevice,
    parts: KernelRigParts,
    readParameter: ReadParameter,
    largest: Inputs,
  ): Promise<KernelRig> {
    const gpu = device.openAccount();
    try {
      const { program, kernels, placement, roomFor } = parts;
      const inputs = inputsOf(computeOrder(program));
      const pipelines = await Promise.all(kernels.map((kernel, index) => compileKernel(gpu, kernel, index, placement)));
      const constants = await uploadConstants(gpu, kernels, placement, readParameter, undefined);
      const lowerings = [{ maxRows: Number.POSITIVE_INFINITY, kernels }, ...roomFor] as const;
      const arenaParts = { program, placement, lowerings, pipelines, constants, inputs: [...inputs.values()] };
      const arena = await createArena(gpu, arenaParts, bindInputs(inputs, largest));
      const timer = await KernelTimer.create(gpu, 1);
      const times = await gpu.createBuffer("times", 16, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
      return new KernelRig(gpu, parts, inputs, pipelines, { arena, constants, times }, timer);
    } catch (error) {
      gpu.closeAccount();
      throw error;
    }
  }

  /** Whether kernels are timed by the GPU's own clock. */
  get hasClock(): boolean {
    return this.#timer !== undefined;
  }

  /** @throws KernelError if the driver refuses one. */
  async compile(kernels: PlacedKernels): Promise<void> {
    await this.#pipelinesOf(kernels);
  }

  /** @returns milliseconds of one dispatch of each, on average of so many. */
  async time(kernels: PlacedKernels, inputs: Inputs, count: number): Promise<number> {
    if (this.#timer === undefined) return this.#timeByHost(kernels, inputs, count);
    await this.#submit(kernels, inputs, count, this.#times, []);
    await this.#gpu.guard(this.#times.mapAsync(GPUMapMode.READ));
    const [time] = readKernelTimes(this.#times.getMappedRange());
    this.#times.unmap();
    const ms = time === undefined ? 0 : (time.endMs - time.startMs) / count;
    // Some clocks stand still.
    return ms > 0 ? ms : this.#timeByHost(kernels, inputs, count);
  }

  async #timeByHost(kernels: PlacedKernels, inputs: Inputs, count: number): Promise<number> {
    const msOf = async (dispatches: number): Promise<number> => {
      const before = performance.now();
      await this.#submit(kernels, inputs, dispatches, this.#times, []);
      await this.#gpu.guard(this.#gpu.device.queue.onSubmittedWorkDone());
      return performance.now() - before;
    };
    const [few, many] = [await msOf(count), await msOf(3 * count)];
    return Math.max(many - few, 1e-6) / (2 * count);
  }

  /** What the kernel stores, where nothing was before; of what comes in shares, the sums. */
  async outputs(placed: PlacedKernel, inputs: Inputs): Promise<Float32Array[]> {
    const { placement } = this.#parts;
    const extents = bindInputs(this.#inputs, inputs);
    let bytes = 0;
    const stores = placed.kernel.stores.map((value) => {
      const shape = bindShape(value.shape, extents);
      const type = placement.typeOf(value) ?? "f32";
      const partialSums = partialSumsOf(value, placed.kernel);
      const length = byteLength(shape, type);
      const size = Math.ceil((partialSums * length) / 8) * 8;
      const reading: Reading = { ...(this.#arena.stored.get(value) as BufferRange), size, at: bytes };
      bytes += size;
      return { shape, type, reading, partialSums, length };
    });
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const readback = await this.#gpu.createBuffer("what a kernel stores", bytes, usage);
    try {
      const readings = stores.map(({ reading }) => reading);
      await this.#submit([placed], inputs, 1, readback, readings);
      await this.#gpu.guard(readback.mapAsync(GPUMapMode.READ));
      const mapped = readback.getMappedRange();
      return stores.map(({ shape, type, reading, partialSums, length }) => {
        const parts = Array.from({ length: partialSums }, (_, slice) => {
          const begin = reading.at + slice * length;
          return fromGpu(mapped.slice(begin, begin + length), shape, type);
        });
        return parts.reduce((sums, part) => sums.map((sum, index) => sum + (part[index] as number)));
      });
    } finally {
      this.#gpu.destroyBuffer(readback);
    }
  }

  /** Gives everything back. */
  close(): void {
    this.#gpu.closeAccount();
  }

  /** @param readings what is read of the memory that the kernel writes, cleared before; if nothing, the time is. */
  async #submit(
    kernels: PlacedKernels,
    inputs: Inputs,
    count: number,
    readback: GPUBuffer,
    readings: readonly Reading[],
  ): Promise<void> {
    const pipelines = await this.#pipelinesOf(kernels);
    const bindGroups = await Promise.all(kernels.map(({ index }) => this.#bindGroupsOf(index)));
    const extents = bindInputs(this.#inputs, inputs);
    const timed = kernels.map(({ kernel }, place) => ({
      pipeline: pipelines[place] as GPUComputePipeline,
      groups: bindGroups[place] as readonly GPUBindGroup[],
      workgroups: this.#workgroupsOf(kernel, extents),
    }));
    const { device } = this.#gpu;
    const timer = readings.length > 0 ? undefined : this.#timer;
    await this.#gpu.submitting(() => {
      writeInputs(device, this.#arena.inputs, this.#parts.placement, extents, this.#inputs, inputs);
      const encoder = device.createCommandEncoder({ label: "one kernel" });
      const before = encoder.beginComputePass();
      for (let earlier = 0; earlier < kernels[0].index; earlier++) {
        before.setPipeline(this.#pipelines[earlier] as GPUComputePipeline);
        before.setBindGroup(0, this.#arena.bindGroups[earlier] as GPUBindGroup);
        before.dispatchWorkgroups(...this.#workgroupsOf(this.#parts.kernels[earlier] as LoweredKernel, extents));
      }
      before.end();
      for (const { buffer, offset, size } of readings) encoder.clearBuffer(buffer, offset, size);
      if (timer) this.#awaitEarlier(encoder);
      const pass = encoder.beginComputePass(timer?.passOf(0));
      for (let dispatch = 0; dispatch < count; dispatch++) {
        for (const { pipeline, groups, workgroups } of timed) {
          pass.setPipeline(pipeline);
          pass.setBindGroup(0, groups[dispatch % groups.length] as GPUBindGroup);
          pass.dispatchWorkgroups(...workgroups);
        }
      }
      pass.end();
      timer?.copyTo(encoder, readback, 0);
      for (const { buffer, offset, size, at } of readings)
        encoder.copyBufferToBuffer(buffer, offset, readback, at, size);
      device.queue.submit([encoder.finish()]);
    });
  }

  /** Else some drivers take the time at which a pass begins while the one before still computes. */
  #awaitEarlier(encoder: GPUCommandEncoder): void {
    const [written] = this.#arena.stored.values();
    if (written) encoder.copyBufferToBuffer(written.buffer, written.offset, this.#times, 0, 16);
  }

  /** A kernel's bind groups, made when it is first timed. */
  #bindGroupsOf(index: number): Promise<readonly GPUBindGroup[]> {
    const { kernels, placement, layers } = this.#parts;
    const known = this.#bindGroups.get(index);
    if (known !== undefined) return known;
    const kernel = kernels[index] as LoweredKernel;
    const layerWeights = new Set(matmulsOf(kernels).flatMap((each) => weightsOf(each, placement)));
    const layerBytes = [...layerWeights].reduce(
      (sum, value) => sum + (this.#constants.tensors.get(value)?.size ?? 0),
      0,
    );
    const own = {
      kernel,
      pipeline: this.#pipelines[index] as GPUComputePipeline,
      bindGroup: this.#arena.bindGroups[index] as GPUBindGroup,
      weights: weightsOf(kernel, placement),
    };
    const memory = { ...this.#arena, constants: this.#constants };
    const made = bindWeightCopies(this.#gpu, own, memory, layers * layerBytes);
    this.#bindGroups.set(index, made);
    return made;
  }

  #workgroupsOf(kernel: LoweredKernel, extents: ExtentBinding): ReturnType<typeof workgroupsOf> {
    return workgroupsOf(kernel, extents, this.#gpu.device.limits.maxComputeWorkgroupsPerDimension);
  }

  #pipelinesOf(kernels: PlacedKernels): Promise<GPUComputePipeline[]> {
    const { placement } = this.#parts;
    return Promise.all(kernels.map(({ index, kernel }) => compileKernel(this.#gpu, kernel, index, placement)));
  }
}

/** As how many tensors a kernel leaves what it stores. */
function partialSumsOf(stored: Value, { bindings }: LoweredKernel): number {
  const own = bindings.find((binding) => binding.kind === "tensor" && binding.value === stored);
  return own?.kind === "tensor" ? own.partialSums : 1;
}

/** Kernels that read weights, not tables. */
const matmulsOf = (kernels: readonly LoweredKernel[]): LoweredKernel[] =>
  kernels.filter((kernel) => kindOf(kernel) === "matmul");
