/** The properties of a device that determine kernels and their tiles. */
export interface KernelLimits {
  /** Bytes of workgroup memory. */
  readonly workgroupMemory: number;
  /** Max invocations of a workgroup. */
  readonly workgroupSize: number;
  /** Whether there are tensor cores for fragments of 16 × 16, float16 to float32, in subgroups of 32. */
  readonly tensorCores?: boolean;
  /** Whether it is a software adapter, where small kernels, which compile faster, run as fast as large ones. */
  readonly isSoftware?: boolean;
}
