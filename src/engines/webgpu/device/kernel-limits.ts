/**
 * What a kernel is generated for: the abilities of a device that decide which kernels there are and how large their tiles.
 */

/** What of a device decides how a kernel is cut. */
export interface KernelLimits {
  /** Bytes of workgroup memory. */
  readonly workgroupMemory: number;
  readonly workgroupSize: number;
  /** Whether there are tensor cores for fragments of 16 × 16, float16 to float32, in subgroups of 32. */
  readonly tensorCores?: boolean;
  /** Whether a CPU plays the GPU: small kernels, which compile soon, are as fast there as large ones. */
  readonly isSoftware?: boolean;
}
