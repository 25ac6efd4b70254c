/**
 * Runs one kernel of a program by itself, to time it and to read its results. A split-K kernel is timed together with the
 * kernels that reduce its partial sums.
 *
 * Every submission first runs the preceding kernels, which produce its operands and keep the GPU at its clock. Then the kernel
 * is dispatched many times in one pass, each time with other copies of its weights (`weight-copies.ts`), and the whole pass is
 * timed by the GPU, so that the overheads of host and pass do not count. Without timestamp queries the host measures a long
 * series of dispatches minus a short one.
 *
 * Must stay true: any kernel may be run that has the bindings of the program's kernel it replaces; `close` releases all
 * memory.
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
  /** Layers of the model: they determine the number of weight copies. */
  readonly layers: number;
  /** Further lowerings whose partial sums the arena has memory for. */
  readonly roomFor: readonly Lowering[];
}

/** A kernel that replaces the program's kernel at `index`. */
export interface PlacedKernel {
  readonly index: number;
  readonly kernel: LoweredKernel;
}

/** A kernel, and those timed with it. */
export type PlacedKernels = readonly [PlacedKernel, ...PlacedKernel[]];

/** A program's inputs by name. */
export type Inputs = ReadonlyMap<string, Tensor>;

/** A range to read; `at` is its offset in the readback buffer. */
type Reading = BufferRange & { readonly at: number };

interface RigMemory {
  readonly pipelines: readonly GPUComputePipeline[];
  readonly arena: Arena;
  readonly constants: Constants;
  readonly timer: KernelTimer | undefined;
  readonly times: GPUBuffer;
}

export class KernelRig {
  readonly #gpu: GpuDevice;
  readonly #parts: KernelRigParts;
  readonly #inputs: ReadonlyMap<string, Value>;
  readonly #memory: RigMemory;
  /** By the index of a timed kernel: one per copy of its weights. */
  readonly #bindGroups = new Map<number, Promise<readonly GPUBindGroup[]>>();

  private constructor(gpu: GpuDevice, parts: KernelRigParts, inputs: ReadonlyMap<string, Value>, memory: RigMemory) {
    this.#gpu = gpu;
    this.#parts = parts;
    this.#inputs = inputs;
    this.#memory = memory;
  }

  /** @param largest the inputs with the most tokens of any run. */
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
      return new KernelRig(gpu, parts, inputs, { pipelines, arena, constants, timer, times });
    } catch (error) {
      gpu.closeAccount();
      throw error;
    }
  }

  /** Whether kernels are timed by the GPU's clock. */
  get hasClock(): boolean {
    return this.#memory.timer !== undefined;
  }

  /** @throws KernelError if the driver refuses a kernel. */
  async compile(kernels: PlacedKernels): Promise<void> {
    await this.#pipelinesOf(kernels);
  }

  /** @returns the mean milliseconds of one dispatch of each kernel, over `count` dispatches. */
  async time(kernels: PlacedKernels, inputs: Inputs, count: number): Promise<number> {
    const { timer, times } = this.#memory;
    if (timer === undefined) return this.#timeByHost(kernels, inputs, count);
    await this.#submit(kernels, inputs, count, times, []);
    await this.#gpu.guard(times.mapAsync(GPUMapMode.READ));
    const [time] = readKernelTimes(times.getMappedRange());
    times.unmap();
    const ms = time === undefined ? 0 : (time.endMs - time.startMs) / count;
    // Some GPUs' clocks do not advance.
    return ms > 0 ? ms : this.#timeByHost(kernels, inputs, count);
  }

  async #timeByHost(kernels: PlacedKernels, inputs: Inputs, count: number): Promise<number> {
    const msOf = async (dispatches: number): Promise<number> => {
      const before = performance.now();
      await this.#submit(kernels, inputs, dispatches, this.#memory.times, []);
      await this.#gpu.guard(this.#gpu.device.queue.onSubmittedWorkDone());
      return performance.now() - before;
    };
    const [few, many] = [await msOf(count), await msOf(3 * count)];
    return Math.max(many - few, 1e-6) / (2 * count);
  }

  /** The tensors that the kernel stores, into cleared memory; partial sums are reduced. */
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
      const reading: Reading = { ...(this.#memory.arena.stored.get(value) as BufferRange), size, at: bytes };
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
        const partials = Array.from({ length: partialSums }, (_, slice) => {
          const begin = reading.at + slice * length;
          return fromGpu(mapped.slice(begin, begin + length), shape, type);
        });
        return partials.reduce((sums, partial) => sums.map((sum, index) => sum + (partial[index] as number)));
      });
    } finally {
      this.#gpu.destroyBuffer(readback);
    }
  }

  close(): void {
    this.#gpu.closeAccount();
  }

  /** @param readings ranges that are cleared first and read afterwards; if empty, the time is read. */
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
    const { arena } = this.#memory;
    const timer = readings.length > 0 ? undefined : this.#memory.timer;
    await this.#gpu.submitting(() => {
      writeInputs(device, arena.inputs, this.#parts.placement, extents, this.#inputs, inputs);
      const encoder = device.createCommandEncoder({ label: "one kernel" });
      const before = encoder.beginComputePass();
      for (let earlier = 0; earlier < kernels[0].index; earlier++) {
        before.setPipeline(this.#memory.pipelines[earlier] as GPUComputePipeline);
        before.setBindGroup(0, arena.bindGroups[earlier] as GPUBindGroup);
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

  /** Without this dependency, some drivers write a pass's first timestamp while the previous pass is still running. */
  #awaitEarlier(encoder: GPUCommandEncoder): void {
    const [written] = this.#memory.arena.stored.values();
    if (written) encoder.copyBufferToBuffer(written.buffer, written.offset, this.#memory.times, 0, 16);
  }

  /** A kernel's bind groups, created when it is first timed. */
  #bindGroupsOf(index: number): Promise<readonly GPUBindGroup[]> {
    const { kernels, placement, layers } = this.#parts;
    const { pipelines, arena, constants } = this.#memory;
    const existing = this.#bindGroups.get(index);
    if (existing !== undefined) return existing;
    const kernel = kernels[index] as LoweredKernel;
    const matmuls = kernels.filter((other) => kindOf(other) === "matmul");
    const layerWeights = new Set(matmuls.flatMap((matmul) => weightsOf(matmul, placement)));
    const layerBytes = [...layerWeights].reduce((sum, value) => sum + (constants.tensors.get(value)?.size ?? 0), 0);
    const weighted = {
      kernel,
      pipeline: pipelines[index] as GPUComputePipeline,
      bindGroup: arena.bindGroups[index] as GPUBindGroup,
      weights: weightsOf(kernel, placement),
    };
    const created = bindWeightCopies(this.#gpu, weighted, { ...arena, constants }, layers * layerBytes);
    this.#bindGroups.set(index, created);
    return created;
  }

  #workgroupsOf(kernel: LoweredKernel, extents: ExtentBinding): ReturnType<typeof workgroupsOf> {
    return workgroupsOf(kernel, extents, this.#gpu.device.limits.maxComputeWorkgroupsPerDimension);
  }

  #pipelinesOf(kernels: PlacedKernels): Promise<GPUComputePipeline[]> {
    const { placement } = this.#parts;
    return Promise.all(kernels.map(({ index, kernel }) => compileKernel(this.#gpu, kernel, index, placement)));
  }
}

/** The number of partial sums in which a kernel stores a value. */
function partialSumsOf(stored: Value, { bindings }: LoweredKernel): number {
  const binding = bindings.find((other) => other.kind === "tensor" && other.value === stored);
  return binding?.kind === "tensor" ? binding.partialSums : 1;
}
