/**
 * What an NVIDIA H200 was seen to do: float16 matmuls in tensor cores, and copies of memory, read and written bytes both
 * counted. No kernel can be faster than the slower of the two allows.
 */
export const peak = { flops: 790e12, bytes: 4.3e12 };

export interface Share {
  /** Of what the GPU could do, from 0 to 1. */
  readonly share: number;
  readonly bound: "arithmetic" | "memory";
}

export function shareOfPeak(flops: number, bytes: number, ms: number): Share {
  const [arithmetic, memory] = [(1000 * flops) / peak.flops, (1000 * bytes) / peak.bytes];
  return { share: Math.max(arithmetic, memory) / ms, bound: arithmetic > memory ? "arithmetic" : "memory" };
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
