/**
 * A kernel family: one way to compute a kind of kernel, with everything that depends on its tile in one object.
 *
 * Planning asks a family whether it accepts a kernel and which tile it takes; tuning asks for other tiles; emitting turns a
 * kernel and a tile into WGSL. None of them knows the fields of a tile: a new field touches its family's folder alone.
 *
 * Must stay true: a kernel is emitted only in a tile that `isValid` for its problem and the device's limits.
 */
import type * as v from "valibot";
import type { Shape, Value } from "../../../program/program.ts";
import type { Kernel } from "../../../schedule/schedule.ts";
import type { KernelLimits } from "../device/kernel-limits.ts";
import type { KernelBindings, TensorSource } from "../wgsl/bindings.ts";
import type { Declarations, WorkgroupVariable } from "../wgsl/declarations.ts";
import type { KernelSource } from "../wgsl/kernel-source.ts";

/** What the choice of a tile depends on. */
export interface Problem {
  /** The key of tuned tiles: K and N of a matmul; the elements of a query and of a value of an attention. */
  readonly shape: Shape;
}

/** The sizes that a family chooses. */
export type Tile = object;

/** What a family may consider to accept a kernel. */
export interface KernelContext {
  readonly placement: TensorSource;
  readonly limits: KernelLimits;
  /** Stored values that may be split-K partial sums. */
  readonly splitKResults: ReadonlySet<Value>;
  /** The values that the kernel computes, in order. */
  readonly interior: readonly Value[];
}

export interface EmitRequest extends Pick<KernelContext, "interior"> {
  readonly kernel: Kernel;
  readonly bindings: KernelBindings;
  readonly declarations: Declarations;
}

/** A family's tiles. */
export interface Tiling<P extends Problem = Problem, T extends Tile = Tile> {
  /** @param maxRows max rows of the result. */
  defaultTile(problem: P, limits: KernelLimits, maxRows: number): T;
  /** Whether a kernel can be emitted in a tile, and fits the limits. Sizes are untrusted. */
  isValid(tile: T, problem: P, limits: KernelLimits): boolean;
  /** Invocations of a workgroup. */
  threadsOf(tile: T): number;
  workgroupVariables(tile: T, problem: P): readonly WorkgroupVariable[];
  /** Whether the kernels have a grid as WGSL, so that they can be stages of a persistent one. */
  readonly hasGrid: boolean;
  /** Absent: the tile is not tuned. */
  readonly tuning?: Tuning<P, T>;
}

export interface KernelFamily<P extends Problem = Problem, T extends Tile = Tile> extends Tiling<P, T> {
  /** The name in tuned tiles and reports. */
  readonly name: string;
  /** @returns `undefined` for a kernel of another family. */
  accepts(kernel: Kernel, context: KernelContext): P | undefined;
  emit(request: EmitRequest, tile: T): KernelSource;
}

/** What tuning needs of a family. */
export interface Tuning<P extends Problem, T extends Tile> {
  /** The schema of a tile as JSON. */
  readonly schema: v.GenericSchema<unknown, T>;
  /** Tiles worth trying, some of them not valid. @param rows rows of the run. */
  candidates(problem: P, rows: number): Iterable<T>;
  /** A tile in a few characters: its sizes in the order of the schema. */
  format(tile: T): string;
}

/** The tile of a family whose workgroups always have the same size. */
export interface FixedTile {
  readonly threads: number;
}

export const fixedTile = (threads: number) => ({
  defaultTile: (): FixedTile => ({ threads }),
  isValid: (tile: FixedTile): boolean => Number.isSafeInteger(tile.threads) && tile.threads > 0,
  threadsOf: (tile: FixedTile): number => tile.threads,
});

/** Whether sizes from an untrusted source are positive integers. */
export const areCounts = (sizes: readonly number[]): boolean =>
  sizes.every((size) => Number.isSafeInteger(size) && size > 0);
