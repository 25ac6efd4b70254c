/**
 * The plan of a schedule's kernels: each one's family, problem and tile. Tuning emits the plan with another tile.
 *
 * A tile comes from a source (tuned on this GPU, or for persistent kernels) that has a valid one, else from the family.
 *
 * Must stay true: every tile of a plan is valid for its problem, whatever its source; plans of one schedule differ in tiles
 * and in the number of partial sums of a result, not in the tensors that their kernels bind.
 */
import { operandsOf, type Shape, type Value } from "../../../program/program.ts";
import { viewedTensor } from "../../../program/views.ts";
import { interiorOf, type Kernel, type Schedule, storedBy } from "../../../schedule/schedule.ts";
import type { KernelLimits } from "../device/kernel-limits.ts";
import { familiesFor } from "../kernels/families.ts";
import type { KernelContext, KernelFamily, Problem, Tile } from "../kernels/family.ts";
import type { PartialSums } from "../wgsl/bindings.ts";
import { bytesOf, SharedMemory } from "../wgsl/declarations.ts";
import type { Placement } from "./placement.ts";
import { sizeClassOf } from "./size-classes.ts";
import { splitKResults } from "./split-k.ts";

/** A source of tiles, which need not be valid. */
export interface TileSource {
  /** The name in reports. */
  readonly origin?: string;
  /**
   * @param family the family's name.
   * @param maxRows max rows of a size class.
   */
  tileFor(family: string, shape: Shape, maxRows: number): Tile | undefined;
}

/** The limits of persistent kernels. */
export interface PersistentLimits {
  /** Workgroups that run concurrently. */
  readonly workgroups: number;
  /** Max storage buffers of a kernel. */
  readonly storageBuffers: number;
  /** Tiles with equal workgroup sizes. */
  readonly tiles: TileSource;
}

export interface PlanLimits extends KernelLimits {
  readonly tiles?: TileSource | undefined;
  /** Present: subprograms become one persistent kernel each, where possible. */
  readonly persistent?: PersistentLimits | undefined;
}

export interface KernelPlan extends Pick<KernelContext, "interior"> {
  readonly kernel: Kernel;
  readonly family: KernelFamily;
  readonly problem: Problem;
  readonly tile: Tile;
  /** The tile's source, for reports. */
  readonly why: string;
}

/** One dispatch: a kernel, or several with a grid-wide barrier between them. */
export interface DispatchPlan {
  readonly stages: readonly [KernelPlan, ...KernelPlan[]];
  /** Workgroups of a persistent kernel. */
  readonly workgroups?: number;
}

/** All dispatches of a program, for a size class of runs. */
export interface ProgramPlan {
  readonly placement: Placement;
  /** Max rows of a matmul's result. */
  readonly maxRows: number;
  readonly dispatches: readonly DispatchPlan[];
  readonly partialSums: PartialSums;
}

/** @param maxRows max tokens of a run, for the choice of tiles. */
export function planKernels(
  schedule: Schedule,
  placement: Placement,
  { tiles, persistent, ...limits }: PlanLimits,
  maxRows = Number.POSITIVE_INFINITY,
): ProgramPlan {
  const { kernels } = schedule;
  const stored = storedBy(kernels);
  // The memory of partial sums must be bounded.
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

/** The plan with another tile for one dispatch, which must not be persistent. */
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
  for (const family of familiesFor(limits)) {
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

/** The number of partial sums of each split-K result, by the tiles of the kernels that store them. */
function partialSumsOf(dispatches: readonly DispatchPlan[]): PartialSums {
  const found = new Map<Value, number>();
  for (const { tile, kernel } of dispatches.flatMap(({ stages }) => stages)) {
    const [value] = kernel.stores;
    if (value !== undefined && "splitK" in tile && Number(tile.splitK) > 1) found.set(value, Number(tile.splitK));
  }
  return found;
}

/** Groups consecutive kernels of one subprogram; every other kernel is a group of its own. */
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

/** A subprogram as one dispatch, if its workgroups have one size and it fits the device's limits. */
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

/** Storage buffers of a persistent kernel: the tensors read and written, the vectors, and the barrier's counters. */
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
