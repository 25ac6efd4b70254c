/** Lowers a plan to WGSL: every dispatch to its source and the tensors it binds. Equal sources share a pipeline. */
import type { Value } from "../../../program/program.ts";
import type { Kernel, Schedule } from "../../../schedule/schedule.ts";
import { sizeClassesFor } from "../kernels/families.ts";
import { emitPersistent } from "../kernels/persistent/persistent.ts";
import { KernelBindings } from "../wgsl/bindings.ts";
import { Declarations } from "../wgsl/declarations.ts";
import type { KernelSource } from "../wgsl/kernel-source.ts";
import { type DispatchPlan, type KernelPlan, type PlanLimits, type ProgramPlan, planKernels } from "./kernel-plan.ts";
import type { Placement } from "./placement.ts";

export interface LoweredKernel extends Omit<KernelSource, "parts" | "grid"> {
  /** The plans that it was emitted for: several if it is persistent. */
  readonly plans: readonly [KernelPlan, ...KernelPlan[]];
  readonly stores: readonly Value[];
  /** The values that it computes, in order. */
  readonly interior: readonly Value[];
  /** Max rows that its tiles were chosen for. */
  readonly maxRows: number;
}

/** The template of the schedule's kernel, or `persistent` for several. */
export const kindOf = ({ plans }: LoweredKernel): Kernel["template"]["kind"] | "persistent" =>
  plans.length > 1 ? "persistent" : plans[0].kernel.template.kind;

/** A program's kernels for a size class of runs. */
export interface Lowering {
  /** Max tokens of all sequences together. */
  readonly maxRows: number;
  readonly kernels: readonly LoweredKernel[];
}

/**
 * Lowers a schedule for each size class: smallest first, the last for runs of any size.
 * @param maxTokens max tokens of a run, if known: classes of only larger runs are omitted.
 */
export function lowerForAllSizes(
  schedule: Schedule,
  placement: Placement,
  limits: PlanLimits,
  maxTokens = Number.POSITIVE_INFINITY,
): readonly [Lowering, ...Lowering[]] {
  const [smallest, ...larger] = sizeClassesFor(limits);
  const plan = (maxRows: number): ProgramPlan => planKernels(schedule, placement, limits, maxRows);
  const plans: [ProgramPlan, ...ProgramPlan[]] = [plan(smallest)];
  for (const maxRows of larger) {
    if ((plans.at(-1)?.maxRows ?? 0) < maxTokens) plans.push(plan(maxRows));
  }
  // All size classes must have the same dispatches: no persistent kernels unless possible in all.
  const areAlike = new Set(plans.map(({ dispatches }) => dispatches.length)).size === 1;
  if (!areAlike) return lowerForAllSizes(schedule, placement, { ...limits, persistent: undefined }, maxTokens);
  const [first, ...others] = plans;
  return [lowering(first), ...others.map(lowering)];
}

const lowering = (plan: ProgramPlan): Lowering => ({ maxRows: plan.maxRows, kernels: lower(plan) });

/** Takes the arguments of `planKernels`. */
export const lowerToWgsl = (...plan: Parameters<typeof planKernels>): LoweredKernel[] => lower(planKernels(...plan));

/** All kernels of a plan. */
export const lower = (plan: ProgramPlan): LoweredKernel[] =>
  plan.dispatches.map((dispatch) => lowerDispatch(plan, dispatch));

export function lowerDispatch({ placement, partialSums, maxRows }: ProgramPlan, dispatch: DispatchPlan): LoweredKernel {
  const { stages, workgroups } = dispatch;
  const bindings = new KernelBindings(placement, partialSums);
  const emit = ({ family, tile, kernel, interior }: KernelPlan, declarations: Declarations): KernelSource =>
    family.emit({ kernel, interior, bindings, declarations }, tile);
  const emitStages = stages.map((stage) => (declarations: Declarations) => emit(stage, declarations));
  const source =
    workgroups === undefined ? emit(stages[0], new Declarations()) : emitPersistent(bindings, workgroups, emitStages);
  // Without the parts, which are as large as the source: a model has hundreds of kernels.
  const { parts: _, grid: __, ...rest } = source;
  const stores = stages.flatMap(({ kernel }) => kernel.stores);
  return { ...rest, plans: stages, maxRows, stores, interior: stages.flatMap(({ interior }) => interior) };
}
