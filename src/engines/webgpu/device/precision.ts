/**
 * The precisions that the WebGPU engine computes in.
 */

/**
 * What is stored and computed in: `f32`; `f16`, float16 in memory and in the language, sums in float32; `f16-storage`,
 * float16 in memory alone, for adapters that have no float16.
 */
export type GpuPrecision = "f32" | "f16" | "f16-storage";

export const gpuPrecisions: readonly GpuPrecision[] = ["f32", "f16", "f16-storage"];
