/**
 * A checkpoint's named tensors, whatever file or files hold them. A tensor is read when it is asked for: the file's
 * bytes never stand in memory as a whole.
 */
import type { FloatDType, Tensor } from "../tensor/tensor.ts";

export interface WeightInfo {
  readonly dtype: FloatDType;
  readonly shape: readonly number[];
}

export interface Weights {
  /** Every tensor that the checkpoint holds, by its canonical name (see `parameters.ts`). */
  readonly info: ReadonlyMap<string, WeightInfo>;
  /**
   * Reads one tensor.
   * @throws CheckpointError if there is no such tensor, the file fails, or a value is NaN or infinite (the first is named).
   */
  read(name: string): Promise<Tensor<FloatDType>>;
  close(): Promise<void>;
}
