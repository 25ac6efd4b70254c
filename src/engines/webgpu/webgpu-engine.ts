/**
 * The WebGPU engine: programs as fused kernels on any GPU, in a browser and in Node.
 *
 * One device serves all programs of an engine. It is opened on first use, tested once, and reopened after a loss or
 * `dispose`.
 *
 * Must stay true: every failure is a typed error, after which the engine can still be used.
 */
import { abortable } from "../../abortable.ts";
import { type EngineError, messageOf } from "../../errors.ts";
import type { Program } from "../../program/program.ts";
import { bestLevel } from "../../schedule/levels.ts";
import type { Engine, Executable, ReadParameter, RunOptions } from "../engine.ts";
import { GpuDevice } from "./device/gpu-device.ts";
import { KernelError } from "./device/pipeline-cache.ts";
import type { GpuPrecision } from "./device/precision.ts";
import { loadFamilies } from "./kernels/families.ts";
import type { PersistentLimits, TileSource } from "./plan/kernel-plan.ts";
import { CompiledProgram } from "./run/compiled-program.ts";
import { GridBarrierTimeout } from "./run/grid-barrier.ts";
import type { WebGpuOptions } from "./run/options.ts";
import { selfTest, WrongNumbersError } from "./run/self-test.ts";
import { WebGpuExecutable } from "./run/webgpu-executable.ts";

export interface GpuProbe {
  /** Adapter, precision and level: `google swiftshader, f32, O4`. */
  readonly description: string;
  readonly precision: GpuPrecision;
  /** Whether it is a software adapter: ONNX Runtime uses the CPU better. */
  readonly isSoftware: boolean;
}

/** An open device. */
interface Session extends GpuProbe {
  readonly device: GpuDevice;
  /** Tiles tuned on this GPU. */
  readonly tiles: TileSource | undefined;
  /** The self-test; `undefined` until needed. */
  tested: Promise<void> | undefined;
  /** The search for persistent kernels; `undefined` until needed. */
  persistent: Promise<PersistentLimits | undefined> | undefined;
}

/** Attempts to reopen a device that is lost before its first use. */
const maxReopens = 3;

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
   * Opens the device, but does not test it: `compile` does.
   * @throws EngineError if there is no adapter, or it lacks the requested precision.
   */
  async probe(): Promise<GpuProbe> {
    const { description, precision, isSoftware } = await this.#open();
    return { description, precision, isSoftware };
  }

  /**
   * @throws EngineError for no adapter, an unsupported precision, a limit or the memory exceeded, a refused kernel
   * (`KernelError`), a lost device (`DeviceLostError`), wrong numbers (`WrongNumbersError`); the signal's reason.
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

  /** Disposes of all programs after their runs, and destroys the device. Compiling afterwards opens a new one. */
  async dispose(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await Promise.all([...this.#executables].map((executable) => executable.dispose()));
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
    const { level = bestLevel } = this.#options;
    const persistent = await abortable(this.#persistentOn(session), signal);
    const settings = { ...this.#options, level, precision, tiles, persistent };
    const compiling = CompiledProgram.create(device, program, settings, readParameter, signal);
    try {
      const [compiled] = await abortable(Promise.all([compiling, this.#test(session)]), signal);
      return compiled;
    } catch (error) {
      // A program that is compiled nevertheless is disposed of; after an abort without waiting for it.
      const disposed = compiling.then((compiled) => compiled.dispose()).catch(() => {});
      if (!signal?.aborted) await disposed;
      throw error instanceof KernelError ? await this.#withSource(error) : error;
    }
  }

  /** Runs once per device, while its first program is compiled. Failures other than wrong numbers are not cached. */
  #test(session: Session): Promise<void> {
    if (this.#options.skipSelfTest) return Promise.resolve();
    session.tested ??= selfTest(session.device, session.precision).catch((error: unknown) => {
      if (!(error instanceof WrongNumbersError)) session.tested = undefined;
      throw error;
    });
    return session.tested;
  }

  /** Determined once per device; `compile` resets it after a grid barrier timed out. */
  #persistentOn(session: Session): Promise<PersistentLimits | undefined> {
    const { persistent, level = bestLevel } = this.#options;
    // Only the best level names subprograms.
    if (!persistent || level !== bestLevel) return Promise.resolve(undefined);
    session.persistent ??= findPersistentOn(session).catch((error: unknown) => {
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
        if (attempt >= maxReopens) throw failure;
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
      await loadFamilies(device.kernelLimits);
      const precision = device.precisionFor(this.#options.precision ?? "auto");
      this.#device = device;
      const { isSoftware } = device;
      const description = `${device.description}, ${precision}, ${this.#options.level ?? bestLevel}`;
      const tiles = await this.#tilesFor(device, precision);
      return { device, precision, description, isSoftware, tiles, tested: undefined, persistent: undefined };
    } catch (error) {
      device.destroy();
      throw error;
    }
  }

  /** Tiles of another GPU, damaged and unreadable ones are ignored: default tiles are correct, too. */
  async #tilesFor({ identity }: GpuDevice, precision: GpuPrecision): Promise<TileSource | undefined> {
    const { tiles, loadTiles } = this.#options;
    if (tiles === "default") return undefined;
    const found = tiles ?? (await loadTiles?.(identity).catch(() => undefined));
    if (found === undefined) return undefined;
    const { checkTunedTiles, tileSourceOf } = await import("./plan/tuned-tiles.ts");
    const checked = checkTunedTiles(found, identity);
    return typeof checked === "string" ? undefined : tileSourceOf(checked, precision);
  }
}

async function findPersistentOn({ device, precision }: Session): Promise<PersistentLimits | undefined> {
  const { findPersistent } = await import("./run/find-persistent.ts");
  return findPersistent(device, precision);
}
