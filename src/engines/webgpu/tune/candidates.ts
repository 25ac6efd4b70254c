/**
 * Which tiles are tried: those that a kernel's family thinks worth trying, valid on the device, and of these some.
 *
 * Must stay true: every tile given is valid, and none is given twice.
 */
import type { KernelLimits } from "../device/kernel-limits.ts";
import type { KernelFamily, Problem, Tile } from "../kernels/family.ts";

/** @param rows of the run that they are for. */
export function candidatesFor(family: KernelFamily, problem: Problem, rows: number, limits: KernelLimits): Tile[] {
  const candidates = family.tuning?.candidates(problem, rows) ?? [];
  return [...candidates].filter((tile) => family.isValid(tile, problem, limits));
}

/**
 * At most `max` of the tiles: half of them those most like the default one, each size counted by how many times it is
 * doubled or halved; the others spread evenly over all the rest, for the best may be of another kind altogether.
 */
export function someOf(tiles: readonly Tile[], defaultTile: Tile, max: number): readonly Tile[] {
  const sizesOf = (tile: Tile): (number | string)[] => Object.values(tile).flat();
  const wanted = sizesOf(defaultTile);
  const apart = (one: number | string, other: number | string | undefined): number =>
    typeof one === "number" && typeof other === "number" ? Math.abs(Math.log2(one / other)) : Number(one !== other);
  const distanceOf = (tile: Tile): number =>
    sizesOf(tile).reduce<number>((sum, size, index) => sum + apart(size, wanted[index]), 0);
  const sorted = [...tiles].sort((a, b) => distanceOf(a) - distanceOf(b));
  if (sorted.length <= max) return sorted;
  const near = sorted.slice(0, Math.ceil(max / 2));
  const rest = sorted.slice(near.length);
  const upTo = (count: number): number => Math.floor((count * (max - near.length)) / rest.length);
  return [...near, ...rest.filter((_, index) => upTo(index + 1) > upTo(index))];
}

export const isSame = (a: Tile, b: Tile): boolean => Object.values(a).flat().join() === Object.values(b).flat().join();
