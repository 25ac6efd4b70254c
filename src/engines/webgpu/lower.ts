/**
 * Lowers a schedule to WGSL: every kernel to its source and the tensors it binds.
 *
 * The best tile of a matmul depends on how many rows it has, which is known only when the program runs: it is lowered
 * several times, and each run takes what suits its size. Kernels that come out the same share a pipeline.
 *
 * Must stay true: lowerings of one schedule differ in sources alone, not in what their kernels bind.
 */
import { interiorOf, type Kernel, type Schedule, storedBy } from "../../passes/schedule.ts";
import type { Value } from "../../program/program.ts";
import {
  chooseTile,
  sizeClassesOf,
  type TiledKernel,
  type TileKind,
  type TileLimits,
  type Tiles,
  tiledKernelOf,
} from "./choose-tile.ts";
import { KernelBindings } from "./codegen/bindings.ts";
import type { KernelSource } from "./codegen/kernel-source.ts";
import { attentionKernel } from "./kernels/attention.ts";
import { elementwiseKernel } from "./kernels/elementwise.ts";
import { matmulKernel } from "./kernels/matmul.ts";
import { narrowMatmulKernel } from "./kernels/narrow-matmul.ts";
import { rowsKernel } from "./kernels/rows.ts";
import { tensorAttentionKernel } from "./kernels/tensor-attention.ts";
import { tensorMatmulKernel } from "./kernels/tensor-matmul.ts";
import { turnedMatmulKernel } from "./kernels/turned-matmul.ts";
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
  limits: TileLimits,
  mostTokens = Number.POSITIVE_INFINITY,
): readonly [Lowering, ...Lowering[]] {
  const lower = (mostRows: number): Lowering => {
    return { mostRows, kernels: lowerToWgsl(schedule, placement, limits, mostRows) };
  };
  const [smallest, ...larger] = sizeClassesOf(limits);
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
  limits: TileLimits,
  mostRows = Number.POSITIVE_INFINITY,
): LoweredKernel[] {
  const stored = storedBy(schedule.kernels);
  return schedule.kernels.map((kernel) => {
    const interior = interiorOf(kernel, stored);
    const source = lowerKernel(kernel, interior, placement, limits, mostRows);
    // What a kernel computes besides may take more than a tile's own rules know of.
    const fits = source.workgroupMemory <= limits.workgroupMemory && source.workgroupSize <= limits.workgroupSize;
    const usual = { ...limits, tiles: undefined };
    const chosen = fits || !limits.tiles ? source : lowerKernel(kernel, interior, placement, usual, mostRows);
    return { ...chosen, kernel, interior };
  });
}

function lowerKernel(
  kernel: Kernel,
  interior: readonly Value[],
  placement: Placement,
  limits: TileLimits,
  mostRows: number,
): KernelSource {
  const { template, stores } = kernel;
  const bindings = new KernelBindings(placement);
  const tiled = tiledKernelOf(kernel, placement, limits);
  const tileOf = <K extends TileKind>(kind: K, kernel: TiledKernel): Tiles[K] =>
    chooseTile({ ...kernel, kind }, limits, mostRows);
  switch (template.kind) {
    case "elementwise":
      return elementwiseKernel(kernel, bindings);
    case "rows":
      return rowsKernel(kernel, interior, bindings);
    case "matmul":
      if (tiled === undefined) return narrowMatmulKernel(kernel, template.matmul, interior, bindings);
      if (tiled.kind !== "tensor-matmul") {
        const tile = tileOf("matmul", tiled);
        const generate = tile.layout === "turned" ? turnedMatmulKernel : matmulKernel;
        return generate({ template, stores }, interior, bindings, tile);
      }
      return tensorMatmulKernel({ template, stores }, interior, bindings, tileOf(tiled.kind, tiled));
    case "attention":
      if (tiled?.kind === "tensor-attention") {
        return tensorAttentionKernel({ template, stores }, bindings, tileOf(tiled.kind, tiled));
      }
      return attentionKernel({ template, stores }, bindings, tileOf("attention", tiled as TiledKernel));
  }
}
