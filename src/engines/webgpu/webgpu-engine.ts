/**
 * The WebGPU engine: programs as fused kernels on any GPU, in a browser and in Node.
 *
 * One device serves all programs of an engine. It is opened when it is first needed, tested once, and opened anew when it
 * was lost or given back.
 *
 * Must stay true: whatever goes wrong is a typed error, and the engine can be used again afterwards.
 */

import { abortable } from "../../abortable.ts";
import { type EngineError, messageOf } from "../../errors.ts";
import type { Program } from "../../program/program.ts";
import { bestLevel, type Level } from "../../schedule/levels.ts";
import type { Engine, Executable, ReadParameter, RunOptions } from "../engine.ts";
import { GpuDevice } from "./device/gpu-device.ts";
import type { GpuIdentity } from "./device/identity.ts";
import { KernelError } from "./device/pipeline-cache.ts";
import type { GpuPrecision } from "./device/precision.ts";
import type { PersistentLimits, TileSource } from "./plan/kernel-plan.ts";
import { checkTunedTiles, type TunedTiles, tileSourceOf } from "./plan/tuned-tiles.ts";
import { CompiledProgram } from "./run/compiled-program.ts";
import { findPersistent } from "./run/find-persistent.ts";
import { GridBarrierTimeout } from "./run/grid-barrier.ts";
import type { OnTrace } from "./run/run-recording.ts";
import { selfTest, WrongNumbersError } from "./run/self-test.ts";
import { WebGpuExecutable } from "./run/webgpu-executable.ts";

export interface WebGpuOptions {
  /**
   * Default `auto`: `f16` where the device has it (the feature shader-f16), else `f32`. It is never
   * `f16-storage`: that takes half the memory, but unpacking costs arithmetic, so whoever lacks memory asks for it.
   */
  readonly precision?: GpuPrecision | "auto";
  /** Default the best. */
  readonly level?: Level;
  /** Default `true`: tensor cores multiply matrices in `f16`, where the driver gives them. `false`: as if it did not. */
  readonly tensorCores?: boolean;
  /**
   * Attention and feed-forward as one kernel each, where tensor cores compute them and a test on the device allows it
   * (`persistent.ts`). Default `false`: WGSL does not promise that it works.
   */
  readonly persistent?: boolean;
  /** Trusts the GPU's numbers unseen. */
  readonly skipSelfTest?: boolean;
  /**
   * What `fusebert tune` found: used on the GPU that it was found on, and checked. `default`: no tiles but the usual ones.
   * Absent: what `loadTiles` gives.
   */
  readonly tiles?: TunedTiles | "default";
  /** Where tiles that were found on a GPU may be kept. What it gives is not trusted, and it may fail. */
  readonly loadTiles?: (gpu: GpuIdentity) => Promise<unknown>;
  /** Called with the source of a kernel that the driver refuses. Resolves to where it was saved, if it was. */
  readonly saveSource?: (label: string, code: string) => Promise<string | undefined>;
  /** Told what every run did and when. Kernels are then timed one by one, which makes runs slower. */
  readonly onTrace?: OnTrace;
  /** Default `true`. `false`: traces tell of the host alone, and runs are as fast as without. */
  readonly timeKernels?: boolean;
}

/** What an engine would compute with. */
export interface GpuProbe {
  /** Adapter, precision and level: `google swiftshader, f32, O4`. */
  readonly description: string;
  readonly precision: GpuPrecision;
  /** Whether the "GPU" is the CPU, which ONNX Runtime uses better. */
  readonly isSoftware: boolean;
}

/** A device and what was found out about it. */
interface Session extends GpuProbe {
  readonly device: GpuDevice;
  /** That were found on this GPU, if any were. */
  readonly tiles: TileSource | undefined;
  /** Undefined until it is asked for. */
  tested: Promise<void> | undefined;
  /** How kernels may be persistent, if they may. Undefined until it is asked for. */
  persistent: Promise<PersistentLimits | undefined> | undefined;
}

/** Devices that may be lost before they are used at all. */
const maxStillborn = 3;

export class WebGpuEngine implements Engine {
  readonly name = "webgpu";
  /** Batches are packed. */
  readonly mixesLengths = true;
  readonly readsAgain = true;
  readonly observes = true;
  readonly #gpu: GPU;
  readonly #options: WebGpuOptions;
  readonly #executables = new Set<WebGpuExecutable>();
  #session: Promise<Session> | undefined;
  #device: GpuDevice | undefined;

  constructor(gpu: GPU, options: WebGpuOptions = {}) {
    this.#gpu = gpu;
    this.#options = options;
  }

  /** Bytes of GPU memory held by all programs of this engine. */
  get allocatedBytes(): number {
    return this.#device?.allocatedBytes ?? 0;
  }

  /**
   * What there is to compute with. Opens the device, but does not test it: `compile` does.
   * @throws EngineError if there is no adapter, or it cannot compute in the precision asked for.
   */
  async probe(): Promise<GpuProbe> {
    const { description, precision, isSoftware } = await this.#open();
    return { description, precision, isSoftware };
  }

  /**
   * @throws EngineError for no adapter, a precision it has not, a limit or the memory exceeded, a kernel refused
   * (`KernelError`), a device lost (`DeviceLostError`), wrong numbers (`WrongNumbersError`); the signal's reason.
   */
  async compile(program: Program, readParameter: ReadParameter, { signal }: RunOptions = {}): Promise<Executable> {
    signal?.throwIfAborted();
    const opening = this.#open();
    const session = await abortable(opening, signal);
    const compiled = await this.#compileOn(session, program, readParameter, signal);
    const recompile = async (failure: EngineError): Promise<CompiledProgram> => {
      const current = await this.#open();
      if (failure instanceof GridBarrierTimeout) current.persistent = Promise.resolve(undefined);
      return this.#compileOn(current, program, readParameter, undefined);
    };
    const executable = new WebGpuExecutable(compiled, session, recompile, (disposed) => {
      this.#executables.delete(disposed);
    });
    this.#executables.add(executable);
    return executable;
  }

  /** Gives back all programs, once their runs have ended, and the device. Compiling afterwards opens a new one. */
  async dispose(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await Promise.all([...this.#executables].map((executable) => executable.dispose()));
    // One that could not be opened need not be given back.
    const opened = await session?.catch(() => undefined);
    opened?.device.destroy();
  }

  async #compileOn(
    session: Session,
    program: Program,
    readParameter: ReadParameter,
    signal: AbortSignal | undefined,
  ): Promise<CompiledProgram> {
    const { device, precision, tiles } = session;
    const { level = bestLevel, onTrace, timeKernels } = this.#options;
    const persistent = await abortable(this.#persistentOn(session), signal);
    const settings = {
      level,
      precision,
      tiles,
      persistent,
      onTrace,
      ...(timeKernels !== undefined && { timeKernels }),
    };
    const compiling = CompiledProgram.create(device, program, settings, readParameter, signal);
    try {
      const [compiled] = await abortable(Promise.all([compiling, this.#test(session)]), signal);
      return compiled;
    } catch (error) {
      // What still comes of it is given back. After an abort nobody waits for that.
      const ended = compiling.then(
        (compiled) => compiled.dispose(),
        () => {},
      );
      if (!signal?.aborted) await ended;
      throw error instanceof KernelError ? await this.#withSource(error) : error;
    }
  }

  /** Once a device, while its first program is compiled. Only wrong numbers are remembered against it. */
  #test(session: Session): Promise<void> {
    if (this.#options.skipSelfTest) return Promise.resolve();
    session.tested ??= selfTest(session.device, session.precision).catch((error: unknown) => {
      if (!(error instanceof WrongNumbersError)) session.tested = undefined;
      throw error;
    });
    return session.tested;
  }

  /** Found once a device, and given up where a run has shown otherwise. */
  #persistentOn(session: Session): Promise<PersistentLimits | undefined> {
    const { persistent, level = bestLevel } = this.#options;
    // The best level alone names subprograms.
    if (!persistent || level !== bestLevel) return Promise.resolve(undefined);
    session.persistent ??= findPersistent(session.device, session.precision).catch((error: unknown) => {
      session.persistent = undefined;
      throw error;
    });
    return session.persistent;
  }

  async #withSource(error: KernelError): Promise<KernelError> {
    const { label, code, reason, cause } = error;
    try {
      const place = await this.#options.saveSource?.(label, code);
      return place === undefined ? error : new KernelError(label, code, reason, cause, `saved as ${place}`);
    } catch (failure) {
      return new KernelError(label, code, reason, cause, `not saved: ${messageOf(failure)}`);
    }
  }

  async #open(): Promise<Session> {
    for (let attempt = 0; ; attempt++) {
      this.#session ??= this.#openSession();
      const opening = this.#session;
      let failure: EngineError | undefined;
      try {
        const session = await opening;
        failure = session.device.failure;
        if (failure === undefined) return session;
        if (attempt >= maxStillborn) throw failure;
      } catch (error) {
        if (this.#session === opening) this.#session = undefined;
        throw error;
      }
      if (this.#session === opening) this.#session = undefined;
    }
  }

  async #openSession(): Promise<Session> {
    const { tensorCores = true } = this.#options;
    const device = await GpuDevice.open(this.#gpu, { tensorCores });
    try {
      const precision = device.precisionFor(this.#options.precision ?? "auto");
      this.#device = device;
      const description = `${device.description}, ${precision}, ${this.#options.level ?? bestLevel}`;
      const tuned = await this.#tilesFor(device);
      const tiles = tuned && tileSourceOf(tuned, precision);
      return {
        device,
        precision,
        description,
        isSoftware: device.isSoftware,
        tiles,
        tested: undefined,
        persistent: undefined,
      };
    } catch (error) {
      device.destroy();
      throw error;
    }
  }

  /** Tiles of another GPU, damaged ones, and those that cannot be read are none: the usual ones are right, too. */
  async #tilesFor({ identity }: GpuDevice): Promise<TunedTiles | undefined> {
    const { tiles, loadTiles } = this.#options;
    if (tiles === "default") return undefined;
    const found = tiles ?? (await loadTiles?.(identity).catch(() => undefined));
    const checked = found === undefined ? undefined : checkTunedTiles(found, identity);
    return typeof checked === "string" ? undefined : checked;
  }
}
