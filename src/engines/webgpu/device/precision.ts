/**
 * The WebGPU engine's precisions: `f32`; `f16`, float16 in memory and arithmetic, with float32 sums; `f16-storage`, float16
 * in memory only, for adapters without float16 arithmetic.
 */
export type GpuPrecision = "f32" | "f16" | "f16-storage";

export const gpuPrecisions: readonly GpuPrecision[] = ["f32", "f16", "f16-storage"];
