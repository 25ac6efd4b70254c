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

/** What is computed, as far as the choice of a tile depends on it. */
export interface Problem {
  /** What tuned tiles are kept by: K and N of a matmul; of attention, the elements of a query and of a value. */
  readonly shape: Shape;
}

/** How it is computed: the sizes that a family chooses. */
export type Tile = object;

/** What a family may look at to accept a kernel. */
export interface KernelContext {
  readonly placement: TensorSource;
  readonly limits: KernelLimits;
  /** Stored values that may be left as split-K partial sums. */
  readonly splitKResults: ReadonlySet<Value>;
  /** What the kernel computes, in order. */
  readonly interior: readonly Value[];
}

/** What is to be emitted. */
export interface EmitRequest {
  readonly kernel: Kernel;
  /** What the kernel computes, in order. */
  readonly interior: readonly Value[];
  readonly bindings: KernelBindings;
  readonly declarations: Declarations;
}

export interface KernelFamily<P extends Problem = Problem, T extends Tile = Tile> {
  /** As tuned tiles and reports name it. */
  readonly name: string;
  /** @returns `undefined` for a kernel that another family is for. */
  accepts(kernel: Kernel, context: KernelContext): P | undefined;
  /** @param maxRows rows of the result, at most. */
  defaultTile(problem: P, limits: KernelLimits, maxRows: number): T;
  /** Whether a kernel can be made of a tile, and fits into the limits. Sizes may be anything. */
  isValid(tile: T, problem: P, limits: KernelLimits): boolean;
  /** Invocations of a workgroup. */
  threadsOf(tile: T): number;
  /** What a workgroup keeps in its memory. */
  workgroupVariables(tile: T, problem: P): readonly WorkgroupVariable[];
  /** Whether its kernels give their grid as WGSL, so that they can be stages of a persistent one. */
  readonly hasGrid: boolean;
  emit(request: EmitRequest, tile: T): KernelSource;
  /** Absent: its tile is not tuned. */
  readonly tuning?: Tuning<P, T>;
}

/** What tuning needs of a family. */
export interface Tuning<P extends Problem, T extends Tile> {
  /** Of a tile as JSON. */
  readonly schema: v.GenericSchema<unknown, T>;
  /**
   * Tiles worth trying, some of them not valid.
   * @param rows of the run that they are for.
   */
  candidates(problem: P, rows: number): Iterable<T>;
  /** A tile in a few characters: its sizes in the order of the schema. */
  format(tile: T): string;
}

/** Of a family whose workgroups always have the same size. */
export interface FixedTile {
  readonly threads: number;
}

/** The parts of a family that has one size of workgroup. */
export const fixedTile = (threads: number) => ({
  defaultTile: (): FixedTile => ({ threads }),
  isValid: (tile: FixedTile): boolean => Number.isSafeInteger(tile.threads) && tile.threads > 0,
  threadsOf: (tile: FixedTile): number => tile.threads,
});

/** Whether sizes from an untrusted source can be sizes at all. */
export const areCounts = (sizes: readonly number[]): boolean =>
  sizes.every((size) => Number.isSafeInteger(size) && size > 0);
