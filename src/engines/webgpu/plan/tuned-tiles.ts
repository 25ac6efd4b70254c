/**
 * Tiles that were found best on a GPU (`src/tune/`), as plain JSON that may be kept anywhere and come from anyone.
 *
 * Must stay true: nothing of what is read here is believed: what has another form, is of other kernels or another GPU is no
 * tiles at all, and each tile is checked when a kernel is made of it (`choose-tile.ts`).
 */
import * as v from "valibot";
import type { Shape } from "../../../program/program.ts";
import { type GpuIdentity, identityOf } from "../device/identity.ts";
import { type GpuPrecision, gpuPrecisions } from "../device/precision.ts";
import type { TileKind, TileSource, Tiles } from "./choose-tile.ts";

/** To be raised with every change of a generator that may make another tile the best. */
export const kernelGeneration = 5;

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

const base = {
  precision: v.picklist(gpuPrecisions),
  /** Inner dimension and columns of a matmul; of an attention the elements of a query and of a value. */
  shape: v.tuple([Count, Count]),
  /** Rows that it is for, at most; `null` if there is no such limit. */
  mostRows: v.nullable(Count),
};

const Entry = v.variant("kind", [
  v.object({
    kind: v.literal("tensor-matmul"),
    ...base,
    tile: v.object({
      rows: Count,
      columns: Count,
      depth: Count,
      subgroups: v.tuple([Count, Count, Count]),
      ahead: Count,
      shares: Count,
    }),
  }),
  v.object({
    kind: v.literal("matmul"),
    ...base,
    tile: v.object({
      rows: Count,
      columns: Count,
      depth: Count,
      parts: Count,
      own: v.tuple([Count, Count]),
      ahead: Count,
      layout: v.picklist(["lines", "turned"]),
      shares: Count,
    }),
  }),
  v.object({
    kind: v.literal("tensor-attention"),
    ...base,
    tile: v.object({ queries: Count, keys: Count, own: Count, sharing: Count }),
  }),
  v.object({
    kind: v.literal("attention"),
    ...base,
    tile: v.object({ queries: Count, keys: Count, own: Count }),
  }),
]);

const File = v.object({
  format: v.literal("fusebert.tiles/1"),
  kernels: Count,
  gpu: v.object({ vendor: v.string(), architecture: v.string(), device: v.string(), description: v.string() }),
  tiles: v.array(Entry),
});

/** A tile, and which kernels are to have it. */
export type TunedTile = v.InferOutput<typeof Entry>;

/** What `fusebert tune` found on a GPU. */
export type TunedTiles = v.InferOutput<typeof File>;

export function makeTunedTiles(gpu: GpuIdentity, tiles: readonly TunedTile[]): TunedTiles {
  return { format: "fusebert.tiles/1", kernels: kernelGeneration, gpu: identityOf(gpu), tiles: [...tiles] };
}

/** @returns why it is of no use on a GPU, as a sentence's end, if it is not. */
export function checkTunedTiles(value: unknown, gpu: GpuIdentity): TunedTiles | string {
  const result = v.safeParse(File, value);
  if (!result.success) return "is damaged, or of a version of fusebert that writes otherwise";
  if (result.output.kernels !== kernelGeneration) return "is of a version of fusebert with other kernels";
  const isOfThisGpu = JSON.stringify(identityOf(result.output.gpu)) === JSON.stringify(identityOf(gpu));
  return isOfThisGpu ? result.output : "is of another GPU, or of another driver";
}

const keyOf = (kind: TileKind, shape: Shape, mostRows: number | null): string =>
  JSON.stringify([kind, shape, mostRows]);

/** Tiles for programs in one precision. */
export function tileSourceOf({ tiles }: TunedTiles, precision: GpuPrecision): TileSource {
  const known = new Map(
    tiles
      .filter((entry) => entry.precision === precision)
      .map(({ kind, shape, mostRows, tile }) => [keyOf(kind, shape, mostRows), tile]),
  );
  return {
    origin: "tuned",
    tileFor: <K extends TileKind>(kind: K, shape: Shape, mostRows: number) =>
      // The key has the kind, and the schema knows the tile of each.
      known.get(keyOf(kind, shape, Number.isFinite(mostRows) ? mostRows : null)) as Tiles[K] | undefined,
  };
}

/** With newer tiles in the place of older ones for the same kernels. */
export function mergeTiles(older: readonly TunedTile[], newer: readonly TunedTile[]): TunedTile[] {
  const nameOf = ({ kind, precision, shape, mostRows }: TunedTile): string => precision + keyOf(kind, shape, mostRows);
  return [...new Map([...older, ...newer].map((entry) => [nameOf(entry), entry])).values()];
}
