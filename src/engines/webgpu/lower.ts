/**
 * Lowers a schedule to WGSL: every kernel to its source and the tensors it binds.
 *
 * The best tile of a matmul depends on how many rows it has, which is known only when the program runs: it is lowered
 * several times, and each run takes what suits its size. Kernels that come out the same share a pipeline.
 *
 * Must stay true: lowerings of one schedule differ in sources alone, not in what their kernels bind.
 */
import { interiorOf, type Kernel, type Schedule, storedBy } from "../../passes/schedule.ts";
import type { Extent, Value } from "../../program/program.ts";
import { KernelBindings } from "./codegen/bindings.ts";
import type { KernelLimits, KernelSource } from "./codegen/kernel-source.ts";
import { attentionKernel } from "./kernels/attention.ts";
import { attentionTileFor, headSizeOf } from "./kernels/attention-tiles.ts";
import { elementwiseKernel } from "./kernels/elementwise.ts";
import { matmulKernel } from "./kernels/matmul.ts";
import { matmulTileFor, plainSizeClasses } from "./kernels/matmul-tiles.ts";
import { isNarrow, narrowMatmulKernel } from "./kernels/narrow-matmul.ts";
import { rowsKernel } from "./kernels/rows.ts";
import { suitsTensorAttention, tensorAttentionKernel } from "./kernels/tensor-attention.ts";
import { suitsTensorCores, tensorMatmulKernel } from "./kernels/tensor-matmul.ts";
import { sizeClasses, tileFor } from "./kernels/tensor-tiles.ts";
import type { Placement } from "./placement.ts";

export interface LoweredKernel extends KernelSource {
  readonly kernel: Kernel;
  /** What it computes, in order. */
  readonly interior: readonly Value[];
}

/** A program's kernels for runs of a size. */
export interface Lowering {
  /** Tokens of all sequences together, at most. */
  readonly mostRows: number;
  readonly kernels: readonly LoweredKernel[];
}

/**
 * Smallest first; the last serves every size.
 * @param mostTokens that a run will have, if that is known: what suits only larger ones is left out.
 */
export function lowerForAllSizes(
  schedule: Schedule,
  placement: Placement,
  limits: KernelLimits,
  mostTokens = Number.POSITIVE_INFINITY,
): readonly [Lowering, ...Lowering[]] {
  const lower = (mostRows: number): Lowering => {
    return { mostRows, kernels: lowerToWgsl(schedule, placement, limits, mostRows) };
  };
  const [smallest, ...larger] = limits.tensorCores ? sizeClasses : plainSizeClasses;
  const lowerings: [Lowering, ...Lowering[]] = [lower(smallest)];
  for (const mostRows of larger) {
    if ((lowerings.at(-1)?.mostRows ?? 0) < mostTokens) lowerings.push(lower(mostRows));
  }
  return lowerings;
}

/** @param mostRows tokens of all sequences together, at most: what tiles are chosen for. */
export function lowerToWgsl(
  schedule: Schedule,
  placement: Placement,
  limits: KernelLimits,
  mostRows = Number.POSITIVE_INFINITY,
): LoweredKernel[] {
  const stored = storedBy(schedule.kernels);
  return schedule.kernels.map((kernel) => {
    const interior = interiorOf(kernel, stored);
    return {
      ...lowerKernel(kernel, interior, placement, { ...limits, mostRows }),
      kernel,
      interior,
    };
  });
}

function lowerKernel(
  kernel: Kernel,
  interior: readonly Value[],
  placement: Placement,
  limits: KernelLimits & { readonly mostRows: number },
): KernelSource {
  const { template, stores } = kernel;
  const bindings = new KernelBindings(placement);
  switch (template.kind) {
    case "elementwise":
      return elementwiseKernel(kernel, bindings);
    case "rows":
      return rowsKernel(kernel, interior, bindings);
    case "matmul": {
      const { matmul, statistics } = template;
      if (isNarrow(matmul) && statistics === undefined) return narrowMatmulKernel(kernel, matmul, interior, bindings);
      if (!limits.tensorCores || !suitsTensorCores(matmul, bindings)) {
        const tile = matmulTileFor(limits.mostRows, matmul.shape.at(-1) as Extent, limits);
        return matmulKernel({ template, stores }, interior, bindings, tile);
      }
      const tile = tileFor(limits.mostRows, Number(matmul.shape.at(-1)));
      return tensorMatmulKernel({ template, stores }, interior, bindings, tile);
    }
    case "attention":
      if (!limits.tensorCores || !suitsTensorAttention(template.attention, stores, placement)) {
        return attentionKernel({ template, stores }, bindings, limits);
      }
      return tensorAttentionKernel(
        { template, stores },
        bindings,
        attentionTileFor(limits.mostRows, headSizeOf(template.attention)),
      );
  }
}
