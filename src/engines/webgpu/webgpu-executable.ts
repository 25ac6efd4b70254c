/**
 * A program that outlives its device: when the device is lost, the runs under way fail, and the next one compiles the
 * program again on a new device, weights and all, a bounded number of times.
 */
import { EngineError } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Executable, ExecuteOptions } from "../engine.ts";
import type { CompiledProgram } from "./compiled-program.ts";
import { abortable } from "./device-health.ts";

/** New devices in a row without a run that succeeded on one of them. */
const mostRenewals = 3;

/** Enough to fill a large GPU, and a second or so of a small one. */
const tokensPerBatch = 12_288;
/** On the CPU a long batch gains nothing, and an abort is heard between two. */
const tokensPerSoftwareBatch = 768;

export class WebGpuExecutable implements Executable {
  readonly description: string;
  readonly tokensPerBatch: number;
  readonly #compile: () => Promise<CompiledProgram>;
  readonly #onDispose: (executable: WebGpuExecutable) => void;
  readonly #runs = new Set<Promise<unknown>>();
  #compiled: CompiledProgram;
  #renewing: Promise<CompiledProgram> | undefined;
  #renewals = 0;
  #isDisposed = false;

  /** @param compile compiles the program, on a new device if the last was lost. */
  constructor(
    compiled: CompiledProgram,
    device: { readonly description: string; readonly isSoftware: boolean },
    compile: () => Promise<CompiledProgram>,
    onDispose: (executable: WebGpuExecutable) => void,
  ) {
    this.#compiled = compiled;
    this.description = device.description;
    this.tokensPerBatch = device.isSoftware ? tokensPerSoftwareBatch : tokensPerBatch;
    this.#compile = compile;
    this.#onDispose = onDispose;
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
    const outputs = await compiled.run(inputs, options);
    this.#renewals = 0;
    return outputs;
  }

  /** One for all runs that wait for it. */
  #renew(failure: EngineError): Promise<CompiledProgram> {
    this.#renewing ??= this.#recompile(failure).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #recompile(failure: EngineError): Promise<CompiledProgram> {
    if (this.#renewals >= mostRenewals) {
      throw new EngineError({
        found: `the GPU failed on ${mostRenewals + 1} devices in a row, at last so: ${failure.found}`,
        expected: "a GPU that computes a run to its end",
        advice: "Compute with --device cpu, or try again after the GPU's driver has been updated or restarted.",
        cause: failure,
      });
    }
    this.#renewals++;
    const compiled = await this.#compile();
    this.#compiled.dispose();
    this.#compiled = compiled;
    return compiled;
  }
}
