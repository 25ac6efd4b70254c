/**
 * Which tile a kernel is made in: one that was found best on this GPU (`tuned-tiles.ts`), else the tables' of `kernels/`.
 *
 * Must stay true: a tile that was found, wherever it comes from, is checked before a kernel is made of it.
 */

import { type Extent, operandsOf, type Shape, type Value } from "../../../program/program.ts";
import { viewedTensor } from "../../../program/views.ts";
import type { Kernel } from "../../../schedule/schedule.ts";
import type { KernelLimits } from "../device/kernel-limits.ts";
import { suitsTensorAttention } from "../kernels/attention/tensor-attention.ts";
import {
  isValidTensorAttentionTile,
  type TensorAttentionTile,
  tensorAttentionTileFor,
} from "../kernels/attention/tensor-tiles.ts";
import { type AttentionTile, attentionTileFor, headSizeOf, isValidAttentionTile } from "../kernels/attention/tiles.ts";
import { isNarrow } from "../kernels/matmul/gemv.ts";
import { suitsTensorCores } from "../kernels/matmul/tensor-matmul.ts";
import {
  isValidTensorTile,
  sizeClasses,
  type TensorProduct,
  type TensorTile,
  tileFor,
} from "../kernels/matmul/tensor-tiles.ts";
import {
  isValidMatmulTile,
  type MatmulTile,
  matmulTileFor,
  type Product,
  plainSizeClasses,
} from "../kernels/matmul/tiles.ts";
import { isHalf } from "../wgsl/storage.ts";
import type { Placement } from "./placement.ts";

/** The generators whose tiles are looked for, and their tiles. */
export interface Tiles {
  readonly "tensor-matmul": TensorTile;
  readonly matmul: MatmulTile;
  readonly "tensor-attention": TensorAttentionTile;
  readonly attention: AttentionTile;
}

export type TileKind = keyof Tiles;

export type Tile = Tiles[TileKind];

/** What tiles are told apart by, besides the rows. */
export interface TiledKernel<K extends TileKind = TileKind> {
  readonly kind: K;
  /** Inner dimension and columns of a matmul; of an attention the elements of a query and of a value. */
  readonly shape: Shape;
  /** Whether it is a matmul that computes statistics of its result: not all tiles suit those. */
  readonly hasStatistics?: boolean;
  /** Whether it is a matmul of which the result may come in shares. */
  readonly isDivisible?: boolean;
  /** Whether it is a matmul of which both operands lie in memory as float16. */
  readonly isOfHalves?: boolean;
  /** Of an attention. */
  readonly heads?: number;
}

/** Tiles that were found. What it gives need not be valid. */
export interface TileSource {
  /** What is said of a tile that comes from here. */
  readonly origin?: string;
  /** @param mostRows one of `sizeClassesOf`. */
  tileFor<K extends TileKind>(kind: K, shape: Shape, mostRows: number): Tiles[K] | undefined;
}

/** What of a device decides how kernels are cut, and what was found out about it. */
export interface TileLimits extends KernelLimits {
  readonly tiles?: TileSource | undefined;
}

/** What runs are told apart by: rows of a matmul's result, at most. */
export const sizeClassesOf = ({ tensorCores }: KernelLimits): readonly [number, ...number[]] =>
  tensorCores ? sizeClasses : plainSizeClasses;

/** The largest of a size class that has so many rows. */
export const sizeClassOf = (rows: number, limits: KernelLimits): number =>
  sizeClassesOf(limits).find((mostRows) => rows <= mostRows) ?? Number.POSITIVE_INFINITY;

/**
 * @param divisible results that may come in shares.
 * @returns `undefined` for a kernel that has no tile.
 */
export function tiledKernelOf(
  { template, stores }: Kernel,
  placement: Placement,
  limits: KernelLimits,
  divisible: ReadonlySet<Value> = new Set(),
): TiledKernel | undefined {
  if (template.kind === "matmul") {
    const { matmul, statistics } = template;
    if (isNarrow(matmul) && statistics === undefined) return undefined;
    const kind = limits.tensorCores && suitsTensorCores(matmul, placement) ? "tensor-matmul" : "matmul";
    const isDivisible = stores.some((value) => divisible.has(value));
    const isOfHalves = operandsOf(matmul.operation).every((operand) => isHalf(placement.typeOf(viewedTensor(operand))));
    return { kind, shape: matmulShape(matmul), hasStatistics: statistics !== undefined, isDivisible, isOfHalves };
  }
  if (template.kind !== "attention") return undefined;
  const { attention } = template;
  const { depth, width } = headSizeOf(attention);
  const kind =
    limits.tensorCores && suitsTensorAttention(attention, stores, placement) ? "tensor-attention" : "attention";
  const leading = attention.products.shape.slice(0, -2).filter((extent) => typeof extent === "number");
  return { kind, shape: [depth, width], heads: leading.reduce((product, extent) => product * extent, 1) };
}

function matmulShape({ operation, shape }: Value): Shape {
  if (operation.kind !== "matmul") throw new RangeError("a matmul kernel without a matmul");
  return [operation.left.shape.at(-1) as Extent, shape.at(-1) as Extent];
}

/** A tile, and why it is this one. */
export interface TileChoice<K extends TileKind = TileKind> {
  readonly kind: K;
  readonly tile: Tiles[K];
  readonly why: string;
  /** Rows of the result, at most, that it was chosen for. */
  readonly mostRows: number;
}

/** @param mostRows rows of the result, at most. */
export function choiceOfTile<K extends TileKind>(
  kernel: TiledKernel<K>,
  limits: TileLimits,
  mostRows: number,
): TileChoice<K> {
  const { kind } = kernel;
  const { origin = "given" } = limits.tiles ?? {};
  const found = limits.tiles?.tileFor(kind, kernel.shape, sizeClassOf(mostRows, limits));
  if (found !== undefined && isValidTile(kernel, found, limits)) return { kind, tile: found, why: origin, mostRows };
  const why = found === undefined ? "default" : `default; the ${origin} one is not valid here`;
  return { kind, tile: defaultTile(kernel, limits, mostRows), why, mostRows };
}

/** @param mostRows rows of the result, at most. */
export const chooseTile = <K extends TileKind>(
  kernel: TiledKernel<K>,
  limits: TileLimits,
  mostRows: number,
): Tiles[K] => choiceOfTile(kernel, limits, mostRows).tile;

/** The tile of one who knows nothing of this GPU but its limits. */
export function defaultTile<K extends TileKind>(
  kernel: TiledKernel<K>,
  limits: KernelLimits,
  mostRows: number,
): Tiles[K] {
  return rules[kernel.kind].standard(kernel, limits, mostRows);
}

/** Whether a kernel can be made of a tile, and fits into the limits. */
export function isValidTile<K extends TileKind>(kernel: TiledKernel<K>, tile: Tiles[K], limits: KernelLimits): boolean {
  return rules[kernel.kind].isValid(tile, kernel, limits);
}

interface Rule<T> {
  readonly isValid: (tile: T, kernel: TiledKernel, limits: KernelLimits) => boolean;
  readonly standard: (kernel: TiledKernel, limits: KernelLimits, mostRows: number) => T;
}

function productOf(kernel: TiledKernel): Omit<Product, "mostRows"> {
  const { shape, hasStatistics = false, isDivisible = false, isOfHalves = false } = kernel;
  const [inner, columns] = shape as readonly [Extent, Extent];
  return { inner, columns, hasStatistics, isDivisible, isOfHalves };
}

const tensorProductOf = ({ shape: [inner, columns], isDivisible = false }: TiledKernel): TensorProduct => {
  return { inner: Number(inner), columns: Number(columns), isDivisible };
};

const headOf = ({ shape: [depth, width] }: TiledKernel) => ({ depth: Number(depth), width: Number(width) });

const rules: { readonly [K in TileKind]: Rule<Tiles[K]> } = {
  "tensor-matmul": {
    isValid: (tile, kernel, limits) => isValidTensorTile(tile, tensorProductOf(kernel), limits),
    standard: (kernel, _, mostRows) => tileFor(mostRows, tensorProductOf(kernel)),
  },
  matmul: {
    isValid: (tile, kernel, limits) => isValidMatmulTile(tile, productOf(kernel), limits),
    standard: (kernel, limits, mostRows) => matmulTileFor({ mostRows, ...productOf(kernel) }, limits),
  },
  "tensor-attention": {
    isValid: (tile, kernel, limits) => isValidTensorAttentionTile(tile, headOf(kernel), limits),
    standard: (kernel, _, mostRows) => tensorAttentionTileFor(mostRows, headOf(kernel), kernel.heads),
  },
  attention: {
    isValid: (tile, kernel, limits) => isValidAttentionTile(tile, headOf(kernel), limits),
    standard: (kernel, limits, mostRows) => attentionTileFor(mostRows, headOf(kernel), limits),
  },
};
