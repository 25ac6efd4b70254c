/**
 * The roofline of an NVIDIA H200: measured peaks of float16 matmuls in tensor cores, and of memory copies, counting bytes read
 * and written.
 */
export const peak = { flops: 790e12, bytes: 4.3e12 };

export interface Share {
  /** The achieved share of the roofline, from 0 to 1. */
  readonly share: number;
  readonly bound: "arithmetic" | "memory";
}

export function shareOfPeak(flops: number, bytes: number, ms: number): Share {
  const [arithmetic, memory] = [(1000 * flops) / peak.flops, (1000 * bytes) / peak.bytes];
  return { share: Math.max(arithmetic, memory) / ms, bound: arithmetic > memory ? "arithmetic" : "memory" };
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
