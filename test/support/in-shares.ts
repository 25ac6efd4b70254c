/**
 * Products whose inner dimension is divided among workgroups, for tests: tiles that do so, and what kernels bind of them.
 */

import type { MatmulTile } from "../../src/engines/webgpu/kernels/matmul/tiles.ts";
import type { TileKind, TileSource, Tiles } from "../../src/engines/webgpu/plan/choose-tile.ts";
import type { LoweredKernel } from "../../src/engines/webgpu/plan/lower.ts";
import type { Binding } from "../../src/engines/webgpu/wgsl/bindings.ts";
import type { Shape } from "../../src/program/program.ts";

/** A small tile, which the software GPU compiles soon. */
export const smallTile: MatmulTile = {
  rows: 32,
  columns: 32,
  depth: 16,
  parts: 1,
  own: [4, 4],
  ahead: 1,
  layout: "lines",
  shares: 1,
};

/** The tile for every matmul with so long an inner dimension, without tensor cores. */
export const tileOfInner = (length: number, tile: MatmulTile): TileSource => ({
  tileFor: <K extends TileKind>(kind: K, [inner]: Shape) =>
    kind === "matmul" && inner === length ? (tile as Tiles[K]) : undefined,
});

/** What kernels bind that comes in shares: where it is written, and where it is read. */
export function boundInShares(kernels: readonly LoweredKernel[]): Extract<Binding, { readonly kind: "tensor" }>[] {
  return kernels
    .flatMap(({ bindings }) => bindings)
    .filter((binding) => binding.kind === "tensor")
    .filter(({ shares }) => shares > 1);
}

/** As how many tensors a kernel leaves what it stores, at most. */
export const mostSharesOf = (kernels: readonly LoweredKernel[]): number =>
  Math.max(1, ...boundInShares(kernels).map(({ shares }) => shares));
