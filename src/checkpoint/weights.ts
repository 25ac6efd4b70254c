/** A checkpoint's named tensors. Each is read on demand, so that the whole file is never in memory. */
import type { FloatDType, Tensor } from "../tensor/tensor.ts";

export interface WeightInfo {
  readonly dtype: FloatDType;
  readonly shape: readonly number[];
}

export interface Weights {
  /** By canonical name (see `parameters.ts`). */
  readonly info: ReadonlyMap<string, WeightInfo>;
  /**
   * Reads one tensor.
   * @throws CheckpointError if there is no such tensor, the file fails, or a value is NaN or infinite.
   */
  read(name: string): Promise<Tensor<FloatDType>>;
  close(): Promise<void>;
}
