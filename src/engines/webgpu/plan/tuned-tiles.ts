/**
 * The best tiles found on a GPU (`tune/`), as plain JSON.
 *
 * Imported only where there are tiles.
 *
 * Must stay true: input is untrusted: malformed or mismatched entries are ignored, and each tile is checked when a kernel is
 * planned with it (`kernel-plan.ts`).
 */
import * as v from "valibot";
import type { Shape } from "../../../program/program.ts";
import { type GpuIdentity, identityOf } from "../device/identity.ts";
import { type GpuPrecision, gpuPrecisions } from "../device/precision.ts";
import { familiesFor } from "../kernels/families.ts";
import type { Tile } from "../kernels/family.ts";
import * as tensor from "../kernels/tensor-families.ts";
import { Count } from "../kernels/tile-sizes.ts";
import type { TileSource } from "./kernel-plan.ts";

/** Increase it with every change of a generator that may change which tile is best. */
export const kernelGeneration = 5;

const format = "fusebert.tiles/2";

/** A tile, and the kernels that it is for. */
export interface TunedTile {
  /** The family's name. */
  readonly family: string;
  readonly precision: GpuPrecision;
  /** K and N of a matmul; the elements of a query and of a value of an attention. */
  readonly shape: readonly [number, number];
  /** Max rows; `null` for no limit. */
  readonly maxRows: number | null;
  readonly tile: Tile;
}

/** Of all families: tiles for tensor cores stay in the file of a GPU that is used without them. */
const Entry = v.union(
  [...familiesFor({}), tensor.matmul, tensor.attention].flatMap(({ name, tuning }) => {
    if (tuning === undefined) return [];
    return v.object({
      family: v.literal(name),
      precision: v.picklist(gpuPrecisions),
      shape: v.tuple([Count, Count]),
      maxRows: v.nullable(Count),
      tile: tuning.schema,
    });
  }),
);

const File = v.object({
  format: v.literal(format),
  kernels: Count,
  gpu: v.object({ vendor: v.string(), architecture: v.string(), device: v.string(), description: v.string() }),
  tiles: v.array(Entry),
});

const OldFile = v.looseObject({ format: v.literal("fusebert.tiles/1") });

/** The file that `fusebert tune` writes. */
export interface TunedTiles {
  readonly format: typeof format;
  readonly kernels: number;
  readonly gpu: GpuIdentity;
  readonly tiles: readonly TunedTile[];
}

export function makeTunedTiles(gpu: GpuIdentity, tiles: readonly TunedTile[]): TunedTiles {
  return { format, kernels: kernelGeneration, gpu: identityOf(gpu), tiles: [...tiles] };
}

/** @returns the tiles, or the reason why they do not apply to a GPU, as the end of a sentence. */
export function checkTunedTiles(value: unknown, gpu: GpuIdentity): TunedTiles | string {
  if (v.is(OldFile, value)) return "is of an earlier version of fusebert: tune again";
  const result = v.safeParse(File, value);
  if (!result.success) return "is damaged, or of a version of fusebert that writes otherwise";
  if (result.output.kernels !== kernelGeneration) return "is of a version of fusebert with other kernels";
  const isOfThisGpu = JSON.stringify(identityOf(result.output.gpu)) === JSON.stringify(identityOf(gpu));
  return isOfThisGpu ? result.output : "is of another GPU, or of another driver";
}

const keyOf = (family: string, shape: Shape, maxRows: number | null): string =>
  JSON.stringify([family, shape, maxRows]);

/** Tiles for programs in one precision. */
export function tileSourceOf({ tiles }: TunedTiles, precision: GpuPrecision): TileSource {
  const known = new Map(
    tiles
      .filter((entry) => entry.precision === precision)
      .map(({ family, shape, maxRows, tile }) => [keyOf(family, shape, maxRows), tile]),
  );
  return {
    origin: "tuned",
    tileFor: (family, shape, maxRows) => known.get(keyOf(family, shape, Number.isFinite(maxRows) ? maxRows : null)),
  };
}

/** Merges tiles; newer ones replace older ones for the same kernels. */
export function mergeTiles(older: readonly TunedTile[], newer: readonly TunedTile[]): TunedTile[] {
  const nameOf = ({ family, precision, shape, maxRows }: TunedTile): string =>
    precision + keyOf(family, shape, maxRows);
  return [...new Map([...older, ...newer].map((entry) => [nameOf(entry), entry])).values()];
}
