/** The options of the WebGPU engine, in a module of their own: the library's types need no types of WebGPU. */
import type { Level } from "../../../schedule/levels.ts";
import type { GpuIdentity } from "../device/identity.ts";
import type { GpuPrecision } from "../device/precision.ts";
import type { TunedTiles } from "../plan/tuned-tiles.ts";
import type { OnTrace } from "./run-recording.ts";

export interface WebGpuOptions {
  /** Fusion level. Default: the fastest. */
  readonly level?: Level;
  /**
   * Default `auto`: `f16` where the GPU has it (the feature shader-f16), else `f32`. `f16-storage` halves the memory, but
   * unpacking costs arithmetic, so it has to be asked for.
   */
  readonly precision?: GpuPrecision | "auto";
  /**
   * Default `true`: in `f16`, matmuls use tensor cores where the driver exposes them. `false` is the workaround where
   * they compute wrongly.
   */
  readonly tensorCores?: boolean;
  /**
   * In `f16` on tensor cores: attention and feed-forward as one persistent dispatch each, with grid-wide barriers
   * between kernels. WGSL gives no forward-progress guarantee, so a test on the device decides, and a run whose barrier
   * timed out is repeated without.
   */
  readonly persistent?: boolean;
  /** Accepts a GPU that fails the self-test, which computes a known layer. */
  readonly skipSelfTest?: boolean;
  /**
   * Results of `fusebert tune` on this GPU, instead of the cached ones; `default` uses neither (docs/tuning.md). Tiles
   * of another GPU are ignored.
   */
  readonly tiles?: TunedTiles | "default";
  /** Reads cached tiles. Its result is checked, and a failure ignored. */
  readonly loadTiles?: (gpu: GpuIdentity) => Promise<unknown>;
  /** Called with the source of a kernel that the driver refuses. Resolves to the path it was saved to, if it was. */
  readonly saveSource?: (label: string, code: string) => Promise<string | undefined>;
  /** Called with the trace of every run (docs/tracing.md). Kernels are then timed one by one, which slows runs down. */
  readonly onTrace?: OnTrace;
  /** Default `true`. `false`: traces contain the host's phases only, and runs are not slowed down. */
  readonly timeKernels?: boolean;
}
