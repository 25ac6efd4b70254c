/**
 * Which tiles are tried: all that can be made of a few sizes, valid on the device, less those that no GPU is fast with.
 *
 * What is left out, and why:
 * - an invocation or subgroup with too few sums of its own, which reads more than it multiplies, or with more than registers
 *   hold; one that has more of the operands on their way than registers hold;
 * - matmuls' workgroups of fewer than 64 invocations, and steps along the inner dimension that are short, or longer than it;
 * - tiles of which a run has so few that most of a large GPU is idle, as long as there are smaller ones; tiles so small that a
 *   run has tens of thousands.
 *
 * Must stay true: every tile given is valid (`isValidTile`), and none is given twice.
 */

import type { KernelLimits } from "../device/kernel-limits.ts";
import { tensorAttentionInvocationsOf } from "../kernels/attention/tensor-tiles.ts";
import { attentionInvocationsOf } from "../kernels/attention/tiles.ts";
import { fragment } from "../kernels/fragments.ts";
import { tensorInvocationsOf, tensorStepOf } from "../kernels/matmul/tensor-tiles.ts";
import { invocationsOf, stepOf } from "../kernels/matmul/tiles.ts";
import { isValidTile, type Tile, type TiledKernel, type TileKind, type Tiles } from "../plan/choose-tile.ts";

/** For so many workgroups a large GPU has work: about one for each of four multiprocessors. */
const enoughWorkgroups = 32;
/** That a workgroup may have, on most GPUs: the sums of its invocations and some for each besides. */
const registers = 65_536;
/** From so many on, small tiles only read operands more often. */
const manyWorkgroups = 6000;

/** @param rows of the run that they are for. */
export function candidatesFor(kernel: TiledKernel, rows: number, limits: KernelLimits): Tile[] {
  const { kind } = kernel;
  const [first, second] = kernel.shape.map(Number) as [number, number];
  const makers: { readonly [K in TileKind]: () => Iterable<Tiles[K]> } = {
    "tensor-matmul": () => ofUsefulSize(inShares([...tensorTiles(first)], kernel), rows, second),
    matmul: () => ofUsefulSize(inShares([...matmulTiles(first)], kernel), rows, second),
    "tensor-attention": tensorAttentionTiles,
    attention: attentionTiles,
  };
  return [...makers[kind]()].filter((tile) => isValidTile(kernel, tile as never, limits));
}

interface Sized {
  readonly rows: number;
  readonly columns: number;
  readonly shares: number;
}

/** Tiles of a product whose inner dimension may be divided among workgroups: whole, and in some numbers of shares. */
const inShares = <T extends Sized>(tiles: readonly T[], { isDivisible }: TiledKernel): readonly T[] =>
  isDivisible ? [1, 2, 3, 4, 6, 8].flatMap((shares) => tiles.map((tile) => ({ ...tile, shares }))) : tiles;

function ofUsefulSize<T extends Sized>(tiles: readonly T[], rows: number, columns: number): T[] {
  const tilesOfResult = (tile: Sized): number => Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns);
  const most = Math.max(...tiles.map(tilesOfResult));
  return tiles.filter((tile) => {
    const count = tilesOfResult(tile) * tile.shares;
    const isEmpty = tile.columns >= 2 * Math.max(columns, 32) || tile.rows >= 2 * Math.max(rows, 32);
    return !isEmpty && count >= Math.min(enoughWorkgroups, most / 4) && (count <= manyWorkgroups || isLarge(tile));
  });
}

const isLarge = ({ rows, columns }: Sized): boolean => rows * columns >= 96 * 96;

function* tensorTiles(inner: number): Generator<Tiles["tensor-matmul"]> {
  for (const [rows, columns, depth, m, n, k, ahead] of combinations(
    [16, 32, 48, 64, 96, 128, 192, 256],
    [32, 64, 96, 128, 192, 256],
    [16, 32, 64],
    [1, 2, 4],
    [1, 2, 4],
    [1, 2, 4, 8],
    [1, 2, 3],
  )) {
    const tile = { rows, columns, depth, subgroups: [m, n, k], ahead, shares: 1 } as const;
    const invocations = tensorInvocationsOf(tile);
    const [high, wide] = [rows / m / fragment, columns / n / fragment];
    const step = tensorStepOf(tile);
    const brought = (((rows + columns) * step) / 8 / invocations) * ahead;
    const isBalanced = Math.max(high, wide) <= 2 * Math.min(high, wide);
    const hasSums = high * wide >= 2 && high * wide <= 16 && isBalanced;
    const hasStep = step >= 32 && step <= Math.min(256, Math.max(inner, 32));
    const isUseful = hasStep && step * ahead <= Math.max(inner, 32) && brought <= 16;
    if (invocations >= 64 && invocations <= 512 && hasSums && isUseful) yield tile;
  }
}

function* matmulTiles(inner: number): Generator<Tiles["matmul"]> {
  for (const [rows, columns, depth, parts, high, wide, ahead] of combinations(
    [16, 24, 32, 48, 64, 96, 128],
    [32, 48, 64, 96, 128],
    [8, 16, 32],
    [1, 2, 4, 8],
    [2, 4, 6, 8, 12],
    [4, 6, 8, 12],
    [1, 2, 3],
  )) {
    const tile = { rows, columns, depth, parts, own: [high, wide], ahead, layout: "lines", shares: 1 } as const;
    const invocations = invocationsOf(tile);
    const step = stepOf(tile);
    const brought = (((rows + columns) * step) / 4 / invocations) * ahead;
    const hasStep = step >= 16 && step <= Math.min(64, Math.max(inner, 16));
    const isUseful = step * ahead <= Math.max(inner, 16) && brought <= 8 * Math.min(ahead, 2);
    const hasRegisters = high * wide <= 96 && invocations * (high * wide + 40) <= registers;
    if (invocations >= 64 && hasRegisters && hasStep && high * wide >= 16 && isUseful) {
      yield tile;
      yield { ...tile, layout: "turned" };
    }
  }
}

function* tensorAttentionTiles(): Generator<Tiles["tensor-attention"]> {
  for (const [queries, keys, own, sharing] of combinations(
    [16, 32, 48, 64, 96, 128, 192, 256],
    [16, 32, 48, 64, 96, 128],
    [16, 32],
    [1, 2, 4],
  )) {
    const tile = { queries, keys, own, sharing };
    if (tensorAttentionInvocationsOf(tile) <= 512) yield tile;
  }
}

function* attentionTiles(): Generator<Tiles["attention"]> {
  for (const [queries, keys, own] of combinations(
    [16, 24, 32, 48, 64, 96],
    [16, 32, 48, 64, 96, 128],
    [2, 3, 4, 6, 8],
  )) {
    const tile = { queries, keys, own };
    const invocations = attentionInvocationsOf(tile);
    if (queries % own === 0 && invocations >= 64 && invocations <= 512) yield tile;
  }
}

/** All ways to take one of each. */
function* combinations<T extends readonly (readonly number[])[]>(...choices: T): Generator<{ [K in keyof T]: number }> {
  const [first, ...others] = choices as unknown as readonly [readonly number[], ...(readonly number[])[]];
  if (first === undefined) {
    yield [] as never;
    return;
  }
  for (const value of first) for (const rest of combinations(...others)) yield [value, ...rest] as never;
}

/**
 * So many of the tiles: half of them those most like the usual one, each size counted by how many times it is doubled or
 * halved; the others spread evenly over all the rest, for the best may be of another kind altogether.
 */
export function someOf(tiles: readonly Tile[], usual: Tile, most: number): readonly Tile[] {
  const sizesOf = (tile: Tile): (number | string)[] => Object.values(tile).flat();
  const wanted = sizesOf(usual);
  const apart = (one: number | string, other: number | string | undefined): number =>
    typeof one === "number" && typeof other === "number" ? Math.abs(Math.log2(one / other)) : Number(one !== other);
  const distanceOf = (tile: Tile): number =>
    sizesOf(tile).reduce<number>((sum, size, index) => sum + apart(size, wanted[index]), 0);
  const sorted = [...tiles].sort((a, b) => distanceOf(a) - distanceOf(b));
  if (sorted.length <= most) return sorted;
  const near = sorted.slice(0, Math.ceil(most / 2));
  const rest = sorted.slice(near.length);
  const upTo = (count: number): number => Math.floor((count * (most - near.length)) / rest.length);
  return [...near, ...rest.filter((_, index) => upTo(index + 1) > upTo(index))];
}
