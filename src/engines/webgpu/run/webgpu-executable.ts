/**
 * A program that outlives its device: when the device is lost, the runs under way fail, and the next one compiles the
 * program again on a new device, weights and all, a bounded number of times.
 */

import { abortable } from "../../../abortable.ts";
import { EngineError } from "../../../errors.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import type { Executable, ExecuteOptions } from "../../engine.ts";
import type { CompiledProgram } from "./compiled-program.ts";
import { GridBarrierTimeout } from "./grid-barrier.ts";

/** New devices in a row without a run that succeeded on one of them. */
const maxRenewals = 3;

/** Enough to fill a large GPU, and a second or so of a small one. */
const tokensPerBatch = 12_288;
/** On the CPU a long batch gains nothing, and an abort is heard between two. */
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

  /** @param compile compiles the program, on a new device if the last was lost, and so that a failure is not met again. */
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

  /** What it computes with now. */
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

  /** Gives everything back once the runs under way have ended. */
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

  /** Once more without persistent kernels, if their workgroups did not meet. */
  async #runOn(
    compiled: CompiledProgram,
    inputs: ReadonlyMap<string, Tensor>,
    options: ExecuteOptions,
  ): Promise<Map<string, Tensor>> {
    try {
      return await compiled.run(inputs, options);
    } catch (error) {
      if (!(error instanceof GridBarrierTimeout)) throw error;
      // Another run may have noticed it before.
      const other = compiled === this.#compiled ? await this.#renew(error) : this.#compiled;
      return other.run(inputs, options);
    }
  }

  /** One for all runs that wait for it. */
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
    // On a device that was not lost other runs may still be under way.
    else void Promise.allSettled(this.#runs).then(() => old.dispose());
    return compiled;
  }
}
