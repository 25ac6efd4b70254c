/**
 * What every engine is: something that compiles a program once and runs it on tensors many times.
 *
 * Must stay true: an engine runs *any* program it says it can compile, knows nothing of questions and answers, and gives
 * back everything it holds when it is disposed.
 */
import type { Program } from "../program/program.ts";
import type { FloatDType, Tensor } from "../tensor/tensor.ts";

/** Reads one of the checkpoint's tensors, by the name a program's `parameter` has. */
export type ReadParameter = (name: string) => Promise<Tensor<FloatDType>>;

export interface RunOptions {
  /** Stops the run as soon as the engine can; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface ExecuteOptions extends RunOptions {
  /**
   * Gives, beside the outputs, the program's observed stages that the kernels of this run write, as they write them. The
   * kernels are the same and so are the outputs. An engine that does not `observe` gives the outputs alone.
   */
  readonly observe?: boolean;
}

/** A program made ready for a device. Runs may overlap; an engine that cannot compute in parallel queues them. */
export interface Executable {
  /** What computes, beyond the engine's name: `google swiftshader, f32, O4`. */
  readonly description: string;
  /**
   * Computes the program's outputs.
   * @param inputs a tensor for every input of the program, by name; they fix the extents of `batch` and `sequence`.
   * @returns the outputs by name, with the precision the engine computes in.
   * @throws EngineError if an input is missing or has the wrong shape, or the device fails.
   */
  run(inputs: ReadonlyMap<string, Tensor>, options?: ExecuteOptions): Promise<Map<string, Tensor>>;
  /** Tokens worth computing together; absent: few, as a CPU gains nothing from more. */
  readonly tokensPerBatch?: number;
  dispose(): Promise<void>;
}

export interface Engine {
  /** As `--device` names it. */
  readonly name: string;
  /** Computes sequences of different lengths together at no cost, given their mask. Absent: equal lengths only. */
  readonly mixesLengths?: boolean;
  /** Reads parameters again when its device was lost: what they are read from must stay open until `dispose`. */
  readonly readsAgain?: boolean;
  /** Its runs can be observed. */
  readonly observes?: boolean;
  compile(program: Program, readParameter: ReadParameter, options?: RunOptions): Promise<Executable>;
  /** Gives back what all its programs share. They must have been disposed of. */
  dispose?(): Promise<void>;
}
