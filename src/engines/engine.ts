/**
 * The interface of engines: compile a program once, run it on tensors many times.
 *
 * Must stay true: an engine runs *any* program that it compiles, knows nothing of questions and answers, and releases
 * all its resources on `dispose`.
 */
import type { Program } from "../program/program.ts";
import type { FloatDType, Tensor } from "../tensor/tensor.ts";

/** Reads a tensor of the checkpoint by the name of a program's `parameter`. */
export type ReadParameter = (name: string) => Promise<Tensor<FloatDType>>;

export interface RunOptions {
  /** On abort the run stops as soon as the engine can, and the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface ExecuteOptions extends RunOptions {
  /**
   * Also returns those observed stages of the program that this run's kernels write, with the values they write.
   * Kernels and outputs do not change. An engine without `observes` returns only the outputs.
   */
  readonly observe?: boolean;
}

/** A compiled program. Runs may overlap; an engine that cannot compute in parallel queues them. */
export interface Executable {
  /** Device and settings: `google swiftshader, f32, O4`. */
  readonly description: string;
  /**
   * Computes the program's outputs.
   * @param inputs a tensor for every input of the program, by name; they define the extents of `batch` and `sequence`.
   * @returns the outputs by name, in the engine's precision.
   * @throws EngineError if an input is missing or has the wrong shape, or the device fails.
   */
  run(inputs: ReadonlyMap<string, Tensor>, options?: ExecuteOptions): Promise<Map<string, Tensor>>;
  /** The best batch size in tokens; absent: small, because larger batches are no faster on a CPU. */
  readonly tokensPerBatch?: number;
  dispose(): Promise<void>;
}

export interface Engine {
  /** As in `--device`. */
  readonly name: string;
  /** What a user should know of how it was chosen, as sentences without the full stop. */
  readonly warnings?: readonly string[];
  /** Batches sequences of different lengths without padding cost, given their mask. Absent: equal lengths only. */
  readonly mixesLengths?: boolean;
  /** Re-reads parameters after a device loss: their source must stay open until `dispose`. */
  readonly readsAgain?: boolean;
  /** Whether runs support `observe`. */
  readonly observes?: boolean;
  compile(program: Program, readParameter: ReadParameter, options?: RunOptions): Promise<Executable>;
  /** Releases what its programs share, after all of them are disposed. */
  dispose?(): Promise<void>;
}
