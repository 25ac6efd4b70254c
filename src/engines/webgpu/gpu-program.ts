/**
 * A program on the GPU: its pipelines, its constants and the memory of its runs.
 *
 * Runs may overlap. Whatever a run writes and submits it does without waiting in between, and the device's queue keeps
 * the order, so all runs share one arena; only the buffer that outputs are read from is a run's own.
 *
 * Must stay true: a run allocates nothing that an earlier one had already, and `dispose` gives all of it back.
 */
import pLimit from "p-limit";
import { EngineError } from "../../errors.ts";
import type { Schedule } from "../../passes/schedule.ts";
import { bindInputs, bindShape, type Binding as ExtentBinding, inputsOf } from "../../program/bind.ts";
import { computeOrder } from "../../program/order.ts";
import type { Extent, SymbolicExtent, Value } from "../../program/program.ts";
import { viewedTensor } from "../../program/views.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ReadParameter } from "../engine.ts";
import { contiguous, toContiguous } from "../reference/strided.ts";
import { applyViews } from "../reference/views.ts";
import { type Arena, createArena, roomyExtents, serves } from "./arena.ts";
import { checkLimits } from "./check-limits.ts";
import { byteLength } from "./codegen/storage.ts";
import { type BufferRange, type Constants, uploadConstants } from "./constants.ts";
import { abortable, type DeviceLostError } from "./device-health.ts";
import type { GpuDevice } from "./gpu-device.ts";
import { fromGpu, toGpu } from "./host-tensors.ts";
import type { LoweredKernel } from "./lower.ts";
import type { Placement } from "./placement.ts";

/** The members of the uniform `extents`, in order. */
const symbols: readonly SymbolicExtent[] = ["batch", "sequence", "keys", "tokens"];

export interface GpuProgramParts {
  readonly schedule: Schedule;
  readonly kernels: readonly LoweredKernel[];
  readonly placement: Placement;
}

/** An output in the arena, and its place in the buffer it is read from. */
interface Output {
  readonly name: string;
  readonly value: Value;
  readonly range: BufferRange;
  readonly start: number;
  readonly size: number;
}

export class GpuProgram {
  readonly inputs: ReadonlyMap<string, Value>;
  readonly #gpu: GpuDevice;
  readonly #parts: GpuProgramParts;
  readonly #pipelines: readonly GPUComputePipeline[];
  readonly #constants: Constants;
  readonly #extentsBuffer: GPUBuffer;
  readonly #freeReadbacks: GPUBuffer[] = [];
  /** Arenas that a run is about to use. One that was replaced is destroyed by its last user. */
  readonly #users = new Map<Arena, number>();
  readonly #arenaQueue = pLimit(1);
  #arena: Arena | undefined;

  private constructor(
    gpu: GpuDevice,
    parts: GpuProgramParts,
    pipelines: readonly GPUComputePipeline[],
    constants: Constants,
    extentsBuffer: GPUBuffer,
  ) {
    this.#gpu = gpu;
    this.#parts = parts;
    this.#pipelines = pipelines;
    this.#constants = constants;
    this.#extentsBuffer = extentsBuffer;
    this.inputs = inputsOf(computeOrder(parts.schedule.program));
  }

  /**
   * Compiles all kernels at once while the weights are brought over. If either fails, the other is stopped and nothing
   * is left behind.
   */
  static async create(
    device: GpuDevice,
    parts: GpuProgramParts,
    readParameter: ReadParameter,
    signal?: AbortSignal,
  ): Promise<GpuProgram> {
    const { kernels, placement } = parts;
    checkLimits(kernels, placement, device.device.limits);
    const gpu = device.openAccount();
    const stop = new AbortController();
    const readUnlessStopped: ReadParameter = (name) => {
      signal?.throwIfAborted();
      stop.signal.throwIfAborted();
      return gpu.guard(readParameter(name));
    };
    const uploading = (async () => {
      const extentsBuffer = await gpu.createBuffer("extents", 16, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
      const constants = await uploadConstants(gpu, kernels, placement, readUnlessStopped, signal);
      return { extentsBuffer, constants };
    })();
    try {
      const pipelines = kernels.map((kernel, index) =>
        gpu.pipeline(labelOf(kernel, index), kernel.code, bufferTypes(kernel, placement)),
      );
      const compiling = abortable(Promise.all(pipelines), signal);
      const [compiled, { extentsBuffer, constants }] = await Promise.all([compiling, uploading]);
      return new GpuProgram(gpu, parts, compiled, constants, extentsBuffer);
    } catch (error) {
      stop.abort();
      // It must not write into what is given back.
      await uploading.catch(() => {});
      gpu.closeAccount();
      throw error;
    }
  }

  /** Why the device is of no use any more; `undefined` while it is. */
  get failure(): DeviceLostError | undefined {
    return this.#gpu.failure;
  }

  /**
   * Computes the outputs.
   * @throws EngineError for inputs that do not fit, memory that is not there, or a device that fails.
   */
  async run(inputs: ReadonlyMap<string, Tensor>, signal?: AbortSignal): Promise<Map<string, Tensor<"f32">>> {
    const extents = bindInputs(this.inputs, inputs);
    const arena = await this.#acquireArena(extents);
    let submitted: { readonly readback: GPUBuffer; readonly outputs: readonly Output[]; readonly valid: Promise<void> };
    try {
      signal?.throwIfAborted();
      submitted = await this.#submit(arena, extents, inputs);
    } finally {
      this.#releaseArena(arena);
    }
    const { readback, outputs, valid } = submitted;
    try {
      const bytes = bytesOf(outputs);
      await Promise.all([valid, this.#gpu.guard(readback.mapAsync(GPUMapMode.READ, 0, bytes))]);
      const results = outputs.map(({ name, value, start, size }) => {
        return [name, this.#decode(value, readback.getMappedRange(start, size), extents)] as const;
      });
      readback.unmap();
      this.#freeReadbacks.push(readback);
      return new Map(results);
    } catch (error) {
      this.#gpu.destroyBuffer(readback);
      throw error;
    }
  }

  async #submit(arena: Arena, extents: ExtentBinding, inputs: ReadonlyMap<string, Tensor>) {
    const outputs = this.#outputsIn(arena, extents);
    const readback = await this.#acquireReadback(bytesOf(outputs));
    try {
      // From here to the submission nothing is awaited: no other run comes between.
      const valid = this.#gpu.submitting(() => {
        this.#writeInputs(arena, extents, inputs);
        const encoder = this.#gpu.device.createCommandEncoder({ label: "fusebert" });
        this.#encodeKernels(encoder, arena, extents);
        for (const { range, start, size } of outputs) {
          encoder.copyBufferToBuffer(range.buffer, range.offset, readback, start, size);
        }
        this.#gpu.device.queue.submit([encoder.finish()]);
      });
      return { readback, outputs, valid };
    } catch (error) {
      this.#freeReadbacks.push(readback);
      throw error;
    }
  }

  /** Gives everything back. No run may be under way. */
  dispose(): void {
    this.#arena = undefined;
    this.#freeReadbacks.splice(0);
    this.#gpu.closeAccount();
  }

  #acquireArena(extents: ExtentBinding): Promise<Arena> {
    return this.#arenaQueue(async () => {
      const current = this.#arena;
      if (current && serves(current.extents, extents)) return this.#use(current);
      this.#arena = undefined;
      if (current && !this.#users.has(current)) this.#destroyArena(current);
      const arena = await createArena(this.#gpu, this.#arenaParts(), roomyExtents(extents));
      this.#arena = arena;
      return this.#use(arena);
    });
  }

  #use(arena: Arena): Arena {
    this.#users.set(arena, (this.#users.get(arena) ?? 0) + 1);
    return arena;
  }

  /** What was submitted is computed, also if its memory is destroyed afterwards. */
  #releaseArena(arena: Arena): void {
    const users = (this.#users.get(arena) ?? 1) - 1;
    if (users > 0) this.#users.set(arena, users);
    else this.#users.delete(arena);
    if (users === 0 && arena !== this.#arena) this.#destroyArena(arena);
  }

  #destroyArena({ buffers }: Arena): void {
    for (const buffer of buffers) this.#gpu.destroyBuffer(buffer);
  }

  #arenaParts() {
    const { schedule, kernels, placement } = this.#parts;
    return {
      schedule,
      kernels,
      placement,
      pipelines: this.#pipelines,
      constants: this.#constants,
      inputs: [...this.inputs.values()],
      extentsBuffer: this.#extentsBuffer,
    };
  }

  /** A buffer to read from that no other run reads from. */
  async #acquireReadback(bytes: number): Promise<GPUBuffer> {
    const index = this.#freeReadbacks.findIndex(({ size }) => size >= bytes);
    const [free] = index < 0 ? [] : this.#freeReadbacks.splice(index, 1);
    if (free !== undefined) return free;
    for (const tooSmall of this.#freeReadbacks.splice(0)) this.#gpu.destroyBuffer(tooSmall);
    return this.#gpu.createBuffer("the outputs", bytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
  }

  #writeInputs(arena: Arena, extents: ExtentBinding, inputs: ReadonlyMap<string, Tensor>): void {
    const { queue } = this.#gpu.device;
    queue.writeBuffer(
      this.#extentsBuffer,
      0,
      Uint32Array.from(symbols, (symbol) => extents.get(symbol) ?? 1),
    );
    for (const [name, value] of this.inputs) {
      const type = this.#parts.placement.typeOf(value) ?? "f32";
      const { buffer } = arena.inputs.get(value) as BufferRange;
      queue.writeBuffer(buffer, 0, toGpu(name, inputs.get(name) as Tensor, type));
    }
  }

  #encodeKernels(encoder: GPUCommandEncoder, arena: Arena, extents: ExtentBinding): void {
    const extentOf = (extent: Extent): number => (typeof extent === "number" ? extent : (extents.get(extent) ?? 1));
    const pass = encoder.beginComputePass();
    this.#parts.kernels.forEach((kernel, index) => {
      pass.setPipeline(this.#pipelines[index] as GPUComputePipeline);
      pass.setBindGroup(0, arena.bindGroups[index]);
      pass.dispatchWorkgroups(...this.#workgroups(kernel, extentOf));
    });
    pass.end();
  }

  #workgroups(kernel: LoweredKernel, extentOf: (extent: Extent) => number): readonly [number, number, number] {
    const workgroups = kernel.workgroups(extentOf);
    const limit = this.#gpu.device.limits.maxComputeWorkgroupsPerDimension;
    if (workgroups.every((count) => count <= limit)) return workgroups;
    throw new EngineError({
      found: `a kernel takes ${workgroups.join(" × ")} workgroups`,
      expected: `at most ${limit} in each direction, the GPU's limit maxComputeWorkgroupsPerDimension`,
      advice: "Use fewer sequences at a time.",
    });
  }

  #outputsIn(arena: Arena, extents: ExtentBinding): Output[] {
    let start = 0;
    return [...this.#parts.schedule.program.outputs].map(([name, value]) => {
      const tensor = viewedTensor(value);
      const range = arena.stored.get(tensor) ?? arena.inputs.get(tensor);
      if (range === undefined) {
        throw new EngineError({ found: `the output ${name} depends on no input`, expected: "something to compute" });
      }
      const size = this.#byteLength(tensor, extents);
      const output = { name, value, range, start, size };
      start += Math.ceil(size / 16) * 16;
      return output;
    });
  }

  #byteLength(tensor: Value, extents: ExtentBinding): number {
    const type = this.#parts.placement.typeOf(tensor) ?? "f32";
    return Math.max(16, Math.ceil(byteLength(bindShape(tensor.shape, extents), type) / 4) * 4);
  }

  #decode(value: Value, bytes: ArrayBuffer, extents: ExtentBinding): Tensor<"f32"> {
    const tensor = viewedTensor(value);
    const shape = bindShape(tensor.shape, extents);
    const data = fromGpu(bytes, shape, this.#parts.placement.typeOf(tensor) ?? "f32");
    if (tensor === value) return { dtype: "f32", shape, data };
    const view = applyViews(value, contiguous(Float64Array.from(data), shape), extents);
    return { dtype: "f32", shape: view.shape, data: Float32Array.from(toContiguous(view)) };
  }
}

function bytesOf(outputs: readonly Output[]): number {
  return outputs.reduce((end, { start, size }) => Math.max(end, start + size), 0);
}

function labelOf({ kernel }: LoweredKernel, index: number): string {
  return `${index} ${kernel.template.kind}`;
}

function bufferTypes({ bindings }: LoweredKernel, placement: Placement): GPUBufferBindingType[] {
  const types = bindings.map((binding): GPUBufferBindingType => {
    return binding.kind === "tensor" && placement.isStored(binding.value) ? "storage" : "read-only-storage";
  });
  return ["uniform", ...types];
}
