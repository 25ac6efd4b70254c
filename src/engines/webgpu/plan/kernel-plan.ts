/**
 * The plan of a schedule's kernels: for each its family, its problem and its tile, chosen once. Emitting takes the plan;
 * tuning emits the plan with another tile.
 *
 * Tiles come from a source (tuned on this GPU, or those of persistent kernels) where it has a valid one, else from the family.
 *
 * Must stay true: every tile of a plan is valid for its problem, wherever it comes from; plans of one schedule differ in
 * tiles, and in how many partial sums a result is left as, not in which tensors their kernels bind.
 */
import { operandsOf, type Shape, type Value } from "../../../program/program.ts";
import { viewedTensor } from "../../../program/views.ts";
import { interiorOf, type Kernel, type Schedule, storedBy } from "../../../schedule/schedule.ts";
import type { KernelLimits } from "../device/kernel-limits.ts";
import { families } from "../kernels/families.ts";
import type { KernelContext, KernelFamily, Problem, Tile } from "../kernels/family.ts";
import type { PartialSums } from "../wgsl/bindings.ts";
import { bytesOf, SharedMemory } from "../wgsl/declarations.ts";
import type { Placement } from "./placement.ts";
import { sizeClassOf } from "./size-classes.ts";
import { splitKResults } from "./split-k.ts";

/** Tiles from elsewhere. They need not be valid. */
export interface TileSource {
  /** How reports name it. */
  readonly origin?: string;
  /**
   * @param family by its name.
   * @param maxRows the largest runs of a size class.
   */
  tileFor(family: string, shape: Shape, maxRows: number): Tile | undefined;
}

/** What persistent kernels are planned for. */
export interface PersistentLimits {
  /** Workgroups that run at the same time. */
  readonly workgroups: number;
  /** Storage buffers that a kernel may bind. */
  readonly storageBuffers: number;
  /** Tiles that have workgroups of one size. */
  readonly tiles: TileSource;
}

/** What kernels are planned for. */
export interface PlanLimits extends KernelLimits {
  readonly tiles?: TileSource | undefined;
  /** Present: subprograms become one kernel each, where they can. */
  readonly persistent?: PersistentLimits | undefined;
}

export interface KernelPlan {
  readonly kernel: Kernel;
  /** What the kernel computes, in order. */
  readonly interior: readonly Value[];
  readonly family: KernelFamily;
  readonly problem: Problem;
  readonly tile: Tile;
  /** Where the tile comes from, in words. */
  readonly why: string;
}

/** One dispatch: a kernel, or several with a grid-wide barrier between them. */
export interface DispatchPlan {
  readonly stages: readonly [KernelPlan, ...KernelPlan[]];
  /** Workgroups of a persistent kernel. */
  readonly workgroups?: number;
}

/** All dispatches of a program, for runs of a size. */
export interface ProgramPlan {
  readonly placement: Placement;
  /** Rows of a matmul's result, at most. */
  readonly maxRows: number;
  readonly dispatches: readonly DispatchPlan[];
  readonly partialSums: PartialSums;
}

/** @param maxRows tokens of all sequences together, at most: what tiles are chosen for. */
export function planKernels(
  schedule: Schedule,
  placement: Placement,
  { tiles, persistent, ...limits }: PlanLimits,
  maxRows = Number.POSITIVE_INFINITY,
): ProgramPlan {
  const { kernels } = schedule;
  const stored = storedBy(kernels);
  // Runs of any size would take any room as partial sums.
  const maySplitK = persistent === undefined && Number.isFinite(maxRows);
  const context = {
    placement,
    limits,
    splitKResults: maySplitK ? splitKResults(schedule, placement) : new Set<Value>(),
  };
  const planFrom = (source: TileSource | undefined) => (kernel: Kernel) => {
    const interior = interiorOf(kernel, stored);
    return planKernel(kernel, { ...context, interior }, source, maxRows);
  };
  const dispatches = subprogramsOf(kernels).flatMap((group): DispatchPlan[] => {
    const merged = persistent && planPersistent(group.map(planFrom(persistent.tiles)), context, persistent);
    return merged ? [merged] : group.map((kernel) => ({ stages: [planFrom(tiles)(kernel)] }));
  });
  return { placement, maxRows, dispatches, partialSums: partialSumsOf(dispatches) };
}

/** The plan with another tile for one of its dispatches, which is no persistent one. */
export function withTile(plan: ProgramPlan, index: number, tile: Tile): ProgramPlan {
  const dispatches = plan.dispatches.map((dispatch, place): DispatchPlan => {
    return place === index ? { stages: [{ ...dispatch.stages[0], tile, why: "given" }] } : dispatch;
  });
  return { ...plan, dispatches, partialSums: partialSumsOf(dispatches) };
}

function planKernel(
  kernel: Kernel,
  context: KernelContext,
  source: TileSource | undefined,
  maxRows: number,
): KernelPlan {
  const { interior, limits } = context;
  for (const family of families) {
    const problem = family.accepts(kernel, context);
    if (problem === undefined) continue;
    const { origin = "given" } = source ?? {};
    const found = source?.tileFor(family.name, problem.shape, sizeClassOf(maxRows, limits));
    if (found !== undefined && family.isValid(found, problem, limits)) {
      return { kernel, interior, family, problem, tile: found, why: origin };
    }
    const why = found === undefined ? "default" : `default; the ${origin} one is not valid here`;
    return { kernel, interior, family, problem, tile: family.defaultTile(problem, limits, maxRows), why };
  }
  throw new RangeError(`no family of kernels accepts a kernel of ${kernel.template.kind}`);
}

/** How many partial sums each result is left as, by the tiles of the kernels that store them. */
function partialSumsOf(dispatches: readonly DispatchPlan[]): PartialSums {
  const found = new Map<Value, number>();
  for (const { tile, kernel } of dispatches.flatMap(({ stages }) => stages)) {
    const [value] = kernel.stores;
    if (value !== undefined && "splitK" in tile && Number(tile.splitK) > 1) found.set(value, Number(tile.splitK));
  }
  return found;
}

/** Kernels that follow each other in one subprogram, together; each of the others alone. */
function subprogramsOf(kernels: readonly Kernel[]): Kernel[][] {
  const groups: Kernel[][] = [];
  for (const kernel of kernels) {
    const last = groups.at(-1);
    const isSame = kernel.subprogram !== undefined && last?.[0]?.subprogram === kernel.subprogram;
    if (isSame) last?.push(kernel);
    else groups.push([kernel]);
  }
  return groups;
}

/** A subprogram as one dispatch, if its workgroups are alike and the device has room for it. */
function planPersistent(
  plans: readonly KernelPlan[],
  { placement, limits }: Pick<KernelContext, "placement" | "limits">,
  { workgroups, storageBuffers }: PersistentLimits,
): DispatchPlan | undefined {
  const [first, second] = plans;
  if (first === undefined || second === undefined || first.kernel.subprogram === undefined) return undefined;
  const threads = first.family.threadsOf(first.tile);
  if (!plans.every(({ family, tile }) => family.hasGrid && family.threadsOf(tile) === threads)) return undefined;
  const memory = new SharedMemory();
  for (const { family, tile, problem } of plans) {
    memory.begin();
    for (const variable of family.workgroupVariables(tile, problem)) memory.place(variable);
  }
  const fits = bytesOf(memory.variables) <= limits.workgroupMemory && bindingsOf(plans, placement) <= storageBuffers;
  return fits ? { stages: [first, ...plans.slice(1)], workgroups } : undefined;
}

/** Storage buffers that kernels bind as one: the tensors they read and write, all vectors together, and the barrier's counters. */
function bindingsOf(plans: readonly KernelPlan[], placement: KernelContext["placement"]): number {
  const tensors = new Set<Value>();
  let hasVectors = false;
  for (const { kernel, interior } of plans) {
    for (const value of kernel.stores) tensors.add(value);
    for (const operand of interior.flatMap(({ operation }) => operandsOf(operation)).map(viewedTensor)) {
      if (placement.typeOf(operand) === undefined) continue;
      if (placement.isVector(operand)) hasVectors = true;
      else tensors.add(operand);
    }
  }
  return tensors.size + Number(hasVectors) + 1;
}
