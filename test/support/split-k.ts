/** Split-K for tests: tiles, and the kernels' bindings of partial sums. */
import type { RegisterTile } from "../../src/engines/webgpu/kernels/matmul/register-tiles.ts";
import type { TileSource } from "../../src/engines/webgpu/plan/kernel-plan.ts";
import type { LoweredKernel } from "../../src/engines/webgpu/plan/lower.ts";
import type { Binding } from "../../src/engines/webgpu/wgsl/bindings.ts";

/** A small tile, which the software GPU compiles quickly. */
export const smallTile: RegisterTile = {
  tileM: 32,
  tileN: 32,
  tileK: 16,
  workgroupSplitK: 1,
  threadTile: [4, 4],
  prefetchStages: 1,
  layout: "k-contiguous",
  splitK: 1,
};

/** The tile for every matmul of this K, without tensor cores. */
export const tileOfK = (length: number, tile: RegisterTile): TileSource => ({
  tileFor: (family, [k]) => (family === "matmul" && k === length ? tile : undefined),
});

/** The bindings of partial sums, written and read. */
export function boundAsPartialSums(kernels: readonly LoweredKernel[]): Extract<Binding, { readonly kind: "tensor" }>[] {
  return kernels
    .flatMap(({ bindings }) => bindings)
    .filter((binding) => binding.kind === "tensor")
    .filter(({ partialSums }) => partialSums > 1);
}

/** The largest number of partial sums of a kernel's results. */
export const maxSplitKOf = (kernels: readonly LoweredKernel[]): number =>
  Math.max(1, ...boundAsPartialSums(kernels).map(({ partialSums }) => partialSums));
