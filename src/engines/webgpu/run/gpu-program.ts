/**
 * A program on the GPU: its pipelines, its constants and the memory of its runs.
 *
 * Runs may overlap. A run writes and submits without awaiting in between, and the device's queue keeps the order, so all
 * runs share one arena; only readback buffers are per run.
 *
 * Encoding a run takes the host longer than submitting it. After two runs of about the same size, the next one's command
 * buffers are pre-recorded while the GPU computes.
 *
 * Must stay true: a run allocates nothing that an earlier one allocated already; `dispose` releases everything.
 */
import pLimit from "p-limit";
import { abortable } from "../../../abortable.ts";
import { bindInputs, type Binding as ExtentBinding, inputsOf } from "../../../program/bind.ts";
import { computeOrder } from "../../../program/order.ts";
import type { Program, Value } from "../../../program/program.ts";
import { type ObservableStage, observableStages } from "../../../schedule/schedule.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import type { ExecuteOptions, ReadParameter } from "../../engine.ts";
import type { DeviceLostError } from "../device/device-health.ts";
import type { GpuDevice } from "../device/gpu-device.ts";
import { checkLimits } from "../plan/check-limits.ts";
import type { Lowering } from "../plan/lower.ts";
import type { Placement } from "../plan/placement.ts";
import { type Arena, createArena, roundedExtents, sameExtents, serves } from "./arena.ts";
import { compileKernel } from "./compile-kernel.ts";
import { type Constants, uploadConstants } from "./constants.ts";
import { type Dispatches, encodePortion, portionsOf, type RunToEncode, readbackLayout } from "./encode-run.ts";
import { checkGridBarriers } from "./grid-barrier.ts";
import { KernelTimer, readKernelTimes } from "./kernel-timer.ts";
import { planReadback, type ReadStage, readResults } from "./readback.ts";
import { writeInputs } from "./run-inputs.ts";
import type { RunRecording } from "./run-recording.ts";

export interface GpuProgramParts {
  readonly program: Program;
  /** Smallest size first. */
  readonly lowerings: readonly [Lowering, ...Lowering[]];
  readonly placement: Placement;
  /** Whether kernels are timed, if the GPU supports it. */
  readonly isTraced: boolean;
}

/** The runs that a prepared run serves: those in this arena whose rounded extents are the same. */
type RunSize = Pick<PreparedRun, "arena" | "extents">;

interface PreparedRun extends RunToEncode {
  readonly arena: Arena;
  /** One per portion, if the run is pre-recorded. */
  readonly commands?: readonly GPUCommandBuffer[];
}

export class GpuProgram {
  readonly inputs: ReadonlyMap<string, Value>;
  /** The observed stages that its kernels store. */
  readonly observable: readonly ObservableStage[];
  readonly #gpu: GpuDevice;
  readonly #parts: GpuProgramParts;
  /** By lowering, then by kernel. */
  readonly #pipelines: readonly (readonly GPUComputePipeline[])[];
  readonly #constants: Constants;
  readonly #timer: KernelTimer | undefined;
  readonly #freeReadbacks: GPUBuffer[] = [];
  /** Reference counts of arenas until submission. The last user of a replaced arena destroys it. */
  readonly #users = new Map<Arena, number>();
  readonly #arenaQueue = pLimit(1);
  #arena: Arena | undefined;
  /** The last submitted run, unless it was observed. */
  #last: RunSize | undefined;
  #prerecorded: PreparedRun | undefined;

  private constructor(
    gpu: GpuDevice,
    parts: GpuProgramParts,
    pipelines: readonly (readonly GPUComputePipeline[])[],
    constants: Constants,
    timer: KernelTimer | undefined,
  ) {
    this.#gpu = gpu;
    this.#parts = parts;
    this.#pipelines = pipelines;
    this.#constants = constants;
    this.#timer = timer;
    this.inputs = inputsOf(computeOrder(parts.program));
    this.observable = observableStages(parts.program, parts.lowerings[0].kernels);
  }

  /** Compiles all kernels while the weights are uploaded. If either fails, the other is stopped and all memory released. */
  static async create(
    device: GpuDevice,
    parts: GpuProgramParts,
    readParameter: ReadParameter,
    signal?: AbortSignal,
  ): Promise<GpuProgram> {
    const { lowerings, placement } = parts;
    const [{ kernels }] = lowerings;
    for (const lowering of lowerings) checkLimits(lowering.kernels, placement, device.device.limits);
    const gpu = device.openAccount();
    const stop = new AbortController();
    const readUnlessStopped: ReadParameter = (name) => {
      signal?.throwIfAborted();
      stop.signal.throwIfAborted();
      return gpu.guard(readParameter(name));
    };
    const uploading = (async () => {
      const constants = await uploadConstants(gpu, kernels, placement, readUnlessStopped, signal);
      const timer = parts.isTraced ? await KernelTimer.create(gpu, kernels.length) : undefined;
      return { constants, timer };
    })();
    try {
      const pipelines = lowerings.map((lowering) =>
        Promise.all(lowering.kernels.map((kernel, index) => compileKernel(gpu, kernel, index, placement))),
      );
      const compiling = abortable(Promise.all(pipelines), signal);
      const [compiled, { constants, timer }] = await Promise.all([compiling, uploading]);
      return new GpuProgram(gpu, parts, compiled, constants, timer);
    } catch (error) {
      stop.abort();
      // It must not write into released memory.
      await uploading.catch(() => {});
      gpu.closeAccount();
      throw error;
    }
  }

  get isPersistent(): boolean {
    return this.#constants.gridBarriers !== undefined;
  }

  /** Why the device can no longer be used; `undefined` while it can. */
  get failure(): DeviceLostError | undefined {
    return this.#gpu.failure;
  }

  /**
   * Computes the outputs, and with `observe` also the observable stages.
   * @param recording of this run, if the program is traced.
   * @throws EngineError for inputs of wrong shapes, too little memory, or a device that fails.
   */
  async run(
    inputs: ReadonlyMap<string, Tensor>,
    { signal, observe = false }: ExecuteOptions = {},
    recording?: RunRecording,
  ): Promise<Map<string, Tensor<"f32">>> {
    const extents = bindInputs(this.inputs, inputs);
    recording?.enter("memory");
    const arena = await this.#acquireArena(extents);
    let run: PreparedRun;
    let finished: Promise<unknown>;
    let isRepeated = false;
    try {
      signal?.throwIfAborted();
      const size = { arena, extents: roundedExtents(extents) };
      run = (observe ? undefined : this.#takePrerecorded(size)) ?? (await this.#prepare(size, observe));
      // Nothing is awaited from here to the submission, so no other run writes its inputs in between.
      finished = this.#submit(run, extents, inputs, recording);
      isRepeated = !observe && isLike(this.#last, size);
      this.#last = observe ? undefined : size;
    } finally {
      this.#releaseArena(arena);
    }
    if (isRepeated && this.#prerecorded === undefined) {
      recording?.enter("prerecord");
      await this.#prerecord(run);
    }
    recording?.enter("wait");
    const { readback, plan, timer, gridBarriers } = run;
    const layout = readbackLayout(run);
    try {
      await finished;
      recording?.enter("decode");
      if (gridBarriers) checkGridBarriers(readback.getMappedRange(layout.gridBarriers, gridBarriers.bytes));
      const results = readResults(plan, readback, this.#parts.placement, extents);
      if (timer) recording?.timed(readKernelTimes(readback.getMappedRange(layout.times, timer.bytes)));
      readback.unmap();
      this.#freeReadbacks.push(readback);
      return results;
    } catch (error) {
      this.#gpu.destroyBuffer(readback);
      throw error;
    }
  }

  async #prepare({ arena, extents }: RunSize, observe: boolean): Promise<PreparedRun> {
    const timer = this.#timer;
    const plan = planReadback(this.#stagesToRead(observe), arena, this.#parts.placement, extents);
    const { gridBarriers } = this.#constants;
    const readback = await this.#acquireReadback(readbackLayout({ plan, timer, gridBarriers }).end);
    return { arena, dispatches: this.#dispatchesIn(arena, extents), extents, timer, gridBarriers, plan, readback };
  }

  /** Pre-records the next run. A failure is ignored here: the next run encodes its own commands, and reports it. */
  async #prerecord(size: RunSize): Promise<void> {
    let run: PreparedRun | undefined;
    try {
      const prepared = await this.#prepare(size, false);
      run = prepared;
      await this.#gpu.submitting(() => {
        const commands = portionsOf(prepared).map((portion) => encodePortion(this.#gpu.device, prepared, portion));
        run = { ...prepared, commands };
      });
    } catch {
      if (run) this.#freeReadbacks.push(run.readback);
      return;
    }
    if (this.#prerecorded) this.#freeReadbacks.push(this.#prerecorded.readback);
    this.#prerecorded = run;
  }

  /** The pre-recorded run if it has the size; one of another size is discarded. */
  #takePrerecorded(size: RunSize): PreparedRun | undefined {
    const run = this.#prerecorded;
    this.#prerecorded = undefined;
    if (run === undefined || isLike(run, size)) return run;
    this.#freeReadbacks.push(run.readback);
    return undefined;
  }

  /** Resolves when the outputs can be read. */
  #submit(
    run: PreparedRun,
    extents: ExtentBinding,
    inputs: ReadonlyMap<string, Tensor>,
    recording: RunRecording | undefined,
  ): Promise<unknown> {
    const { device } = this.#gpu;
    const { arena, dispatches, readback } = run;
    try {
      const valid = this.#gpu.submitting(() => {
        recording?.enter("write inputs");
        writeInputs(device, arena.inputs, this.#parts.placement, extents, this.inputs, inputs);
        recording?.dispatched(dispatches.kernels, extents);
        for (const [index, portion] of portionsOf(run).entries()) {
          if (run.commands === undefined) recording?.enter("encode");
          const commands = run.commands?.[index] ?? encodePortion(device, run, portion);
          recording?.enter("submit");
          device.queue.submit([commands]);
        }
      });
      const mapped = readback.mapAsync(GPUMapMode.READ, 0, readbackLayout(run).end);
      const finished = Promise.all([valid, this.#gpu.guard(mapped)]);
      // It may reject before it is awaited.
      finished.catch(() => {});
      return finished;
    } catch (error) {
      this.#freeReadbacks.push(readback);
      throw error;
    }
  }

  /** Releases all memory. No run may be in progress. */
  dispose(): void {
    this.#arena = undefined;
    this.#last = undefined;
    this.#prerecorded = undefined;
    this.#freeReadbacks.splice(0);
    this.#gpu.closeAccount();
  }

  async #acquireArena(extents: ExtentBinding): Promise<Arena> {
    const ready = this.#arena;
    const isMaking = this.#arenaQueue.activeCount + this.#arenaQueue.pendingCount > 0;
    if (ready && !isMaking && serves(ready.extents, extents)) return this.#use(ready);
    return this.#arenaQueue(async () => {
      const current = this.#arena;
      if (current && serves(current.extents, extents)) return this.#use(current);
      this.#arena = undefined;
      if (current && !this.#users.has(current)) this.#destroyArena(current);
      const pipelines = this.#pipelines[0] as readonly GPUComputePipeline[];
      const parts = { ...this.#parts, pipelines, constants: this.#constants, inputs: [...this.inputs.values()] };
      this.#arena = await createArena(this.#gpu, parts, roundedExtents(extents));
      return this.#use(this.#arena);
    });
  }

  #use(arena: Arena): Arena {
    this.#users.set(arena, (this.#users.get(arena) ?? 0) + 1);
    return arena;
  }

  /** WebGPU completes submitted work even if its memory is destroyed afterwards. */
  #releaseArena(arena: Arena): void {
    const users = (this.#users.get(arena) ?? 1) - 1;
    if (users > 0) this.#users.set(arena, users);
    else this.#users.delete(arena);
    if (users === 0 && arena !== this.#arena) this.#destroyArena(arena);
  }

  #destroyArena({ buffers }: Arena): void {
    for (const buffer of buffers) this.#gpu.destroyBuffer(buffer);
  }

  /** A readback buffer that no other run uses. */
  async #acquireReadback(bytes: number): Promise<GPUBuffer> {
    const index = this.#freeReadbacks.findIndex(({ size }) => size >= bytes);
    const [free] = index < 0 ? [] : this.#freeReadbacks.splice(index, 1);
    if (free !== undefined) return free;
    for (const tooSmall of this.#freeReadbacks.splice(0)) this.#gpu.destroyBuffer(tooSmall);
    return this.#gpu.createBuffer("the outputs", bytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
  }

  #stagesToRead(observe: boolean): ReadStage[] {
    const outputs = [...this.#parts.program.outputs].map(([name, value]) => ({ name, value }));
    return observe ? [...outputs, ...this.observable] : outputs;
  }

  /** The kernels of the run's size class. Their bindings are the same in all classes. */
  #dispatchesIn({ bindGroups }: Arena, extents: ExtentBinding): Dispatches {
    const { lowerings } = this.#parts;
    const rows = extents.get("tokens") ?? (extents.get("batch") ?? 1) * (extents.get("sequence") ?? 1);
    const index = lowerings.findIndex(({ maxRows }) => rows <= maxRows);
    // The arena has memory for the partial sums of these lowerings only.
    if (index < 0) throw new RangeError(`a run of ${rows} tokens, for which nothing was compiled`);
    const { kernels } = lowerings[index] as Lowering;
    const pipelines = this.#pipelines[index] as readonly GPUComputePipeline[];
    const maxWorkgroups = this.#gpu.device.limits.maxComputeWorkgroupsPerDimension;
    return { kernels, pipelines, bindGroups, maxWorkgroups };
  }
}

/** Whether what is recorded for one run serves another. */
function isLike(one: RunSize | undefined, { arena, extents }: RunSize): boolean {
  return one?.arena === arena && sameExtents(one.extents, extents);
}
