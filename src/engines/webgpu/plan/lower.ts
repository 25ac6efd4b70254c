/**
 * Lowers a schedule to WGSL: every kernel to its source and the tensors it binds.
 *
 * The best tile of a matmul depends on how many rows it has, which is known only when the program runs: it is lowered
 * several times, and each run takes what suits its size. Kernels that come out the same share a pipeline.
 *
 * Must stay true: lowerings of one schedule differ in sources, and in how many shares a result has (`shares.ts`), not in which
 * tensors their kernels bind.
 */

import type { Value } from "../../../program/program.ts";
import { interiorOf, type Kernel, type Schedule, storedBy } from "../../../schedule/schedule.ts";
import { attentionKernel } from "../kernels/attention/attention.ts";
import { tensorAttentionKernel } from "../kernels/attention/tensor-attention.ts";
import { elementwiseKernel } from "../kernels/elementwise/elementwise.ts";
import { matmulKernel } from "../kernels/matmul/dot-product.ts";
import { narrowMatmulKernel } from "../kernels/matmul/gemv.ts";
import { turnedMatmulKernel } from "../kernels/matmul/outer-product.ts";
import { tensorMatmulKernel } from "../kernels/matmul/tensor-matmul.ts";
import { canMerge, mergeSources } from "../kernels/persistent/persistent.ts";
import { rowsKernel } from "../kernels/row-reduction/row-reduction.ts";
import { KernelBindings, type Shares } from "../wgsl/bindings.ts";
import type { KernelSource } from "../wgsl/kernel-source.ts";
import {
  choiceOfTile,
  chooseTile,
  sizeClassesOf,
  type TileChoice,
  type TiledKernel,
  type TileKind,
  type TileLimits,
  type Tiles,
  tiledKernelOf,
} from "./choose-tile.ts";
import type { PersistentLimits } from "./persistent-tiles.ts";
import type { Placement } from "./placement.ts";
import { divisibleResults } from "./split-k.ts";

export interface LoweredKernel extends Omit<KernelSource, "parts" | "grid"> {
  readonly kernel: Kernel;
  /** What it computes, in order. */
  readonly interior: readonly Value[];
  /** The tiles it is made in: none, one, or one for each kernel of a subprogram that has any. Only told where asked for. */
  readonly tiles: () => readonly TileChoice[];
}

/** What decides how a schedule is lowered. */
export interface LoweringLimits extends TileLimits {
  /** Subprograms become one kernel each, where they can. */
  readonly persistent?: PersistentLimits | undefined;
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
  limits: LoweringLimits,
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
  // Subprograms that are one kernel at some sizes only are none at any.
  const areAlike = new Set(lowerings.map(({ kernels }) => kernels.length)).size === 1;
  return areAlike ? lowerings : lowerForAllSizes(schedule, placement, { ...limits, persistent: undefined }, mostTokens);
}

/** @param mostRows tokens of all sequences together, at most: what tiles are chosen for. */
export function lowerToWgsl(
  schedule: Schedule,
  placement: Placement,
  limits: LoweringLimits,
  mostRows = Number.POSITIVE_INFINITY,
): LoweredKernel[] {
  const { kernels } = schedule;
  const { persistent, ...others } = limits;
  const stored = storedBy(kernels);
  const mayShare = persistent === undefined && Number.isFinite(mostRows);
  const divisible = mayShare ? divisibleResults(schedule, placement) : noValues;
  const context = { placement, limits: others, mostRows, divisible };
  const shares = sharesIn(kernels, context);
  const lowerAlone = (kernel: Kernel): LoweredKernel => lowerOne(kernel, stored, shares, context);
  if (persistent === undefined) return kernels.map(lowerAlone);
  return subprogramsOf(kernels).flatMap((subprogram) => {
    const merged = lowerTogether(subprogram, stored, placement, { ...others, persistent }, mostRows);
    return merged ?? subprogram.map(lowerAlone);
  });
}

const noValues: ReadonlySet<Value> = new Set();

type Stored = ReturnType<typeof storedBy>;

/** The results that come in shares, for the tiles of the matmuls that make them are such. */
function sharesIn(kernels: readonly Kernel[], context: LoweringContext): Shares {
  const { placement, limits, mostRows, divisible } = context;
  const found = new Map<Value, number>();
  for (const kernel of kernels) {
    const [value] = kernel.stores;
    if (value === undefined || !divisible.has(value)) continue;
    const tiled = tiledKernelOf(kernel, placement, limits, divisible);
    const tile = tiled && chooseTile(tiled, limits, mostRows);
    if (tile && "shares" in tile && tile.shares > 1) found.set(value, tile.shares);
  }
  return found;
}

function lowerOne(kernel: Kernel, stored: Stored, shares: Shares, context: LoweringContext): LoweredKernel {
  const { limits, placement } = context;
  const interior = interiorOf(kernel, stored);
  const lower = (own: TileLimits): KernelSource =>
    lowerKernel(kernel, interior, new KernelBindings(placement, shares), { ...context, limits: own });
  const source = lower(limits);
  // What a kernel computes besides may take more than a tile's own rules know of.
  const fits = source.workgroupMemory <= limits.workgroupMemory && source.workgroupSize <= limits.workgroupSize;
  const own = fits || !limits.tiles ? context : { ...context, limits: { ...limits, tiles: undefined } };
  return lowered(own === context ? source : lower(own.limits), kernel, interior, () => tilesOf([kernel], own));
}

/** A subprogram as one kernel (`persistent.ts`), if its kernels can be one and the device has room for it. */
function lowerTogether(
  kernels: readonly Kernel[],
  stored: Stored,
  placement: Placement,
  limits: LoweringLimits & { readonly persistent: PersistentLimits },
  mostRows: number,
): LoweredKernel | undefined {
  const [first] = kernels;
  if (kernels.length < 2 || first?.subprogram === undefined) return undefined;
  const { persistent } = limits;
  const bindings = new KernelBindings(placement);
  const interiors = kernels.map((kernel) => interiorOf(kernel, stored));
  const own = { ...limits, tiles: persistent.tiles };
  const context = { placement, limits: own, mostRows, divisible: noValues, rowInvocations: persistent.invocations };
  const sources = kernels.map((kernel, index) => {
    bindings.nextKernel();
    return lowerKernel(kernel, interiors[index] as Value[], bindings, context);
  });
  if (!canMerge(sources)) return undefined;
  const merged = mergeSources(sources, bindings, persistent.workgroups);
  if (merged.workgroupMemory > limits.workgroupMemory || merged.bindings.length > persistent.storageBuffers) {
    return undefined;
  }
  const stores = kernels.flatMap((kernel) => kernel.stores);
  const kernel: Kernel = { template: { kind: "subprogram", kernels }, stores, subprogram: first.subprogram };
  return lowered(merged, kernel, interiors.flat(), () => tilesOf(kernels, context));
}

/** Without the parts, which are as large as the source: a model has hundreds of kernels. */
function lowered(
  { parts, grid, ...source }: KernelSource,
  kernel: Kernel,
  interior: readonly Value[],
  tiles: LoweredKernel["tiles"],
): LoweredKernel {
  return { ...source, kernel, interior, tiles };
}

function tilesOf(
  kernels: readonly Kernel[],
  { placement, limits, mostRows, divisible }: LoweringContext,
): TileChoice[] {
  return kernels.flatMap((kernel) => {
    const tiled = tiledKernelOf(kernel, placement, limits, divisible);
    return tiled ? [choiceOfTile(tiled, limits, mostRows)] : [];
  });
}

/** Kernels that follow each other in one subprogram, together; each of the others alone. */
function subprogramsOf(kernels: readonly Kernel[]): Kernel[][] {
  const groups: Kernel[][] = [];
  for (const kernel of kernels) {
    const last = groups.at(-1);
    const isSame = kernel.subprogram !== undefined && last?.[0]?.subprogram === kernel.subprogram;
    if (isSame) last?.push(kernel);
    else groups.push([kernel]);
  }
  return groups;
}

/** What a kernel is lowered for. */
interface LoweringContext {
  readonly placement: Placement;
  readonly limits: TileLimits;
  readonly mostRows: number;
  /** Results that may come in shares. */
  readonly divisible: ReadonlySet<Value>;
  /** Of a workgroup that owns a row, if it is not to be the usual number. */
  readonly rowInvocations?: number;
}

function lowerKernel(
  kernel: Kernel,
  interior: readonly Value[],
  bindings: KernelBindings,
  { placement, limits, mostRows, divisible, rowInvocations }: LoweringContext,
): KernelSource {
  const { template, stores } = kernel;
  const tiled = tiledKernelOf(kernel, placement, limits, divisible);
  const tileOf = <K extends TileKind>(kind: K, kernel: TiledKernel): Tiles[K] =>
    chooseTile({ ...kernel, kind }, limits, mostRows);
  switch (template.kind) {
    case "elementwise":
      return elementwiseKernel(kernel, bindings);
    case "rows":
      return rowsKernel(kernel, interior, bindings, rowInvocations);
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
    case "subprogram":
      throw new RangeError("a subprogram is not lowered as it is");
  }
}
