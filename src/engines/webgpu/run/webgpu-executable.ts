/**
 * A program that survives the loss of its device: the runs in progress fail, and the next one compiles the program, weights
 * included, on a new device, a bounded number of times.
 */
import { abortable } from "../../../abortable.ts";
import { EngineError } from "../../../errors.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import type { Executable, ExecuteOptions } from "../../engine.ts";
import type { CompiledProgram } from "./compiled-program.ts";
import { GridBarrierTimeout } from "./grid-barrier.ts";

/** Recompilations in a row without a successful run. */
const maxRenewals = 3;

/** Fills a large GPU, and takes a small one about a second. */
const tokensPerBatch = 12_288;
/** On the CPU a long batch gains nothing, and an abort takes effect only between batches. */
const tokensPerSoftwareBatch = 768;

export class WebGpuExecutable implements Executable {
  readonly tokensPerBatch: number;
  readonly #device: string;
  readonly #compile: (failure: EngineError) => Promise<CompiledProgram>;
  readonly #onDispose: (executable: WebGpuExecutable) => void;
  readonly #runs = new Set<Promise<unknown>>();
  #compiled: CompiledProgram;
  #renewing: Promise<CompiledProgram> | undefined;
  #renewals = 0;
  #isDisposed = false;

  /** @param compile compiles the program so that the failure does not recur: on a new device, or without persistent kernels. */
  constructor(
    compiled: CompiledProgram,
    device: { readonly description: string; readonly isSoftware: boolean },
    compile: (failure: EngineError) => Promise<CompiledProgram>,
    onDispose: (executable: WebGpuExecutable) => void,
  ) {
    this.#compiled = compiled;
    this.#device = device.description;
    this.tokensPerBatch = device.isSoftware ? tokensPerSoftwareBatch : tokensPerBatch;
    this.#compile = compile;
    this.#onDispose = onDispose;
  }

  /** The device, and whether kernels are persistent. */
  get description(): string {
    return this.#compiled.isPersistent ? `${this.#device}, persistent` : this.#device;
  }

  async run(inputs: ReadonlyMap<string, Tensor>, options: ExecuteOptions = {}): Promise<Map<string, Tensor>> {
    const { signal } = options;
    signal?.throwIfAborted();
    if (this.#isDisposed) {
      throw new EngineError({ found: "the model was disposed of", advice: "Compile it again to use it again." });
    }
    const run = this.#run(inputs, options);
    this.#runs.add(run);
    run.catch(() => {}).finally(() => this.#runs.delete(run));
    return abortable(run, signal);
  }

  /** Releases all memory after the runs in progress. */
  async dispose(): Promise<void> {
    this.#isDisposed = true;
    await Promise.allSettled(this.#runs);
    this.#compiled.dispose();
    this.#onDispose(this);
  }

  async #run(inputs: ReadonlyMap<string, Tensor>, options: ExecuteOptions): Promise<Map<string, Tensor>> {
    const compiled = this.#compiled.failure ? await this.#renew(this.#compiled.failure) : this.#compiled;
    const outputs = await this.#runOn(compiled, inputs, options);
    this.#renewals = 0;
    return outputs;
  }

  /** Repeats the run without persistent kernels if a grid barrier timed out. */
  async #runOn(
    compiled: CompiledProgram,
    inputs: ReadonlyMap<string, Tensor>,
    options: ExecuteOptions,
  ): Promise<Map<string, Tensor>> {
    try {
      return await compiled.run(inputs, options);
    } catch (error) {
      if (!(error instanceof GridBarrierTimeout)) throw error;
      // Another run may have replaced the program already.
      const other = compiled === this.#compiled ? await this.#renew(error) : this.#compiled;
      return other.run(inputs, options);
    }
  }

  /** Runs that need it at the same time share one. */
  #renew(failure: EngineError): Promise<CompiledProgram> {
    this.#renewing ??= this.#recompile(failure).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #recompile(failure: EngineError): Promise<CompiledProgram> {
    if (this.#renewals >= maxRenewals) {
      throw new EngineError({
        found: `the GPU failed on ${maxRenewals + 1} devices in a row, at last so: ${failure.found}`,
        expected: "a GPU that computes a run to its end",
        advice: "Compute with --device cpu, or try again after the GPU's driver has been updated or restarted.",
        cause: failure,
      });
    }
    this.#renewals++;
    const compiled = await this.#compile(failure);
    const old = this.#compiled;
    this.#compiled = compiled;
    if (old.failure) old.dispose();
    // On a device that was not lost, other runs may still be in progress.
    else void Promise.allSettled(this.#runs).then(() => old.dispose());
    return compiled;
  }
}
