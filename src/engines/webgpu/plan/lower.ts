/**
 * Lowers a plan to WGSL: every dispatch to its source and the tensors it binds. Kernels that come out the same share a
 * pipeline.
 */
import type { Value } from "../../../program/program.ts";
import type { Kernel, Schedule } from "../../../schedule/schedule.ts";
import { emitPersistent } from "../kernels/persistent/persistent.ts";
import { KernelBindings } from "../wgsl/bindings.ts";
import { Declarations } from "../wgsl/declarations.ts";
import type { KernelSource } from "../wgsl/kernel-source.ts";
import { type DispatchPlan, type KernelPlan, type PlanLimits, type ProgramPlan, planKernels } from "./kernel-plan.ts";
import type { Placement } from "./placement.ts";
import { sizeClassesOf } from "./size-classes.ts";

export interface LoweredKernel extends Omit<KernelSource, "parts" | "grid"> {
  /** What it was emitted for: several kernels if it is persistent. */
  readonly plans: readonly [KernelPlan, ...KernelPlan[]];
  readonly stores: readonly Value[];
  /** What it computes, in order. */
  readonly interior: readonly Value[];
  /** Rows that its tiles were chosen for, at most. */
  readonly maxRows: number;
}

/** What a kernel is: the template of the schedule's kernel, or `persistent` for several. */
export const kindOf = ({ plans }: LoweredKernel): Kernel["template"]["kind"] | "persistent" =>
  plans.length > 1 ? "persistent" : plans[0].kernel.template.kind;

/** A program's kernels for runs of a size. */
export interface Lowering {
  /** Tokens of all sequences together, at most. */
  readonly maxRows: number;
  readonly kernels: readonly LoweredKernel[];
}

/**
 * Lowers a schedule for each size class: smallest first, the last serves every size.
 * @param maxTokens of a run, if that is known: what suits only larger ones is left out.
 */
export function lowerForAllSizes(
  schedule: Schedule,
  placement: Placement,
  limits: PlanLimits,
  maxTokens = Number.POSITIVE_INFINITY,
): readonly [Lowering, ...Lowering[]] {
  const [smallest, ...larger] = sizeClassesOf(limits);
  const plan = (maxRows: number): ProgramPlan => planKernels(schedule, placement, limits, maxRows);
  const plans: [ProgramPlan, ...ProgramPlan[]] = [plan(smallest)];
  for (const maxRows of larger) {
    if ((plans.at(-1)?.maxRows ?? 0) < maxTokens) plans.push(plan(maxRows));
  }
  // Subprograms that can be one kernel at some sizes only are none at any.
  const areAlike = new Set(plans.map(({ dispatches }) => dispatches.length)).size === 1;
  if (!areAlike) return lowerForAllSizes(schedule, placement, { ...limits, persistent: undefined }, maxTokens);
  const [first, ...others] = plans;
  return [lowering(first), ...others.map(lowering)];
}

const lowering = (plan: ProgramPlan): Lowering => ({ maxRows: plan.maxRows, kernels: lower(plan) });

/** @param maxRows tokens of all sequences together, at most: what tiles are chosen for. */
export function lowerToWgsl(
  schedule: Schedule,
  placement: Placement,
  limits: PlanLimits,
  maxRows?: number,
): LoweredKernel[] {
  return lower(planKernels(schedule, placement, limits, maxRows));
}

/** All kernels of a plan. */
export const lower = (plan: ProgramPlan): LoweredKernel[] =>
  plan.dispatches.map((dispatch) => lowerDispatch(plan, dispatch));

export function lowerDispatch({ placement, partialSums, maxRows }: ProgramPlan, dispatch: DispatchPlan): LoweredKernel {
  const { stages, workgroups } = dispatch;
  const bindings = new KernelBindings(placement, partialSums);
  const emit = ({ family, tile, kernel, interior }: KernelPlan, declarations: Declarations): KernelSource =>
    family.emit({ kernel, interior, bindings, declarations }, tile);
  const source =
    workgroups === undefined
      ? emit(stages[0], new Declarations())
      : emitPersistent(
          bindings,
          workgroups,
          stages.map((stage) => (declarations) => emit(stage, declarations)),
        );
  // Without the parts, which are as large as the source: a model has hundreds of kernels.
  const { parts: _, grid: __, ...rest } = source;
  const stores = stages.flatMap(({ kernel }) => kernel.stores);
  return { ...rest, plans: stages, maxRows, stores, interior: stages.flatMap(({ interior }) => interior) };
}
