/**
 * Selects the tiles that tuning tries: some of those that a kernel's family proposes and that are valid on the device.
 *
 * Must stay true: every candidate is valid and unique.
 */
import type { KernelLimits } from "../device/kernel-limits.ts";
import type { KernelFamily, Problem, Tile } from "../kernels/family.ts";

/** @param rows of the run. */
export function candidatesFor(family: KernelFamily, problem: Problem, rows: number, limits: KernelLimits): Tile[] {
  const candidates = family.tuning?.candidates(problem, rows) ?? [];
  return [...candidates].filter((tile) => family.isValid(tile, problem, limits));
}

/**
 * At most `max` of the tiles: half are the nearest to the default tile, by the doublings or halvings of each size; half are
 * spread evenly over the rest, because the best tile may be far from the default.
 */
export function someOf(tiles: readonly Tile[], defaultTile: Tile, max: number): readonly Tile[] {
  const sizesOf = (tile: Tile): (number | string)[] => Object.values(tile).flat();
  const defaults = sizesOf(defaultTile);
  const difference = (one: number | string, other: number | string | undefined): number =>
    typeof one === "number" && typeof other === "number" ? Math.abs(Math.log2(one / other)) : Number(one !== other);
  const distanceOf = (tile: Tile): number =>
    sizesOf(tile).reduce<number>((sum, size, index) => sum + difference(size, defaults[index]), 0);
  const sorted = [...tiles].sort((a, b) => distanceOf(a) - distanceOf(b));
  if (sorted.length <= max) return sorted;
  const near = sorted.slice(0, Math.ceil(max / 2));
  const rest = sorted.slice(near.length);
  const upTo = (count: number): number => Math.floor((count * (max - near.length)) / rest.length);
  return [...near, ...rest.filter((_, index) => upTo(index + 1) > upTo(index))];
}

export const isSame = (a: Tile, b: Tile): boolean => Object.values(a).flat().join() === Object.values(b).flat().join();
