/**
 * Plans what tuning measures: each distinct kernel of a model that has a choice of tiles, with run sizes and candidates. One
 * layer suffices, because all are alike, and a small vocabulary, because no kernel with tiles reads the table.
 */
import { expectedParameters, type ModelConfig, questionAnsweringProgram } from "../../../architectures/index.ts";
import { InputError } from "../../../errors.ts";
import { inputsOf } from "../../../program/bind.ts";
import { computeOrder } from "../../../program/order.ts";
import { selectOutputs } from "../../../program/program.ts";
import { packSequences, sequenceIds } from "../../../rewrites/pack-sequences.ts";
import { bestLevel, scheduleAt } from "../../../schedule/levels.ts";
import { readsOf, type Schedule, storedBy } from "../../../schedule/schedule.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import type { KernelLimits } from "../device/kernel-limits.ts";
import type { GpuPrecision } from "../device/precision.ts";
import { sizeClassesFor } from "../kernels/families.ts";
import type { KernelFamily, Tile } from "../kernels/family.ts";
import type { MatmulProblem } from "../kernels/matmul/problem.ts";
import { type ProgramPlan, planKernels, withTile } from "../plan/kernel-plan.ts";
import { type LoweredKernel, lower, lowerDispatch } from "../plan/lower.ts";
import { Placement } from "../plan/placement.ts";
import { sizeClassOf } from "../plan/size-classes.ts";
import { candidatesFor, isSame, someOf } from "./candidates.ts";
import type { Inputs, PlacedKernel, PlacedKernels } from "./time-kernel.ts";

/** A kernel at a run size. */
export interface TuningSize {
  /** Tokens of the measured run. */
  readonly rows: number;
  /** The size class that gets the result: runs of at most this many tokens. */
  readonly maxRows: number;
  readonly defaultTile: Tile;
  /** Without the default tile. */
  readonly candidates: readonly Tile[];
}

export interface TuningSubject {
  /** Of the kernel in the schedule. */
  readonly index: number;
  readonly family: KernelFamily;
  readonly problem: TunedProblem;
  /** Indices of the kernels that reduce its partial sums, if K may be split. */
  readonly readers: readonly number[];
  readonly sizes: readonly TuningSize[];
}

/** A problem without symbolic extents. */
type TunedProblem = { readonly shape: readonly [number, number] } & Partial<Pick<MatmulProblem, "canSplitK">>;

export interface TuningPlan {
  readonly precision: GpuPrecision;
  readonly schedule: Schedule;
  readonly placement: Placement;
  readonly limits: KernelLimits;
  /** The schedule's kernels in default tiles, for runs of any size. */
  readonly kernels: readonly LoweredKernel[];
  readonly parameters: ReadonlyMap<string, readonly number[]>;
  readonly subjects: readonly TuningSubject[];
  /** Synthetic inputs of a run. */
  readonly inputsFor: (rows: number) => Inputs;
  /** The plan in which candidates replace default tiles. */
  readonly plan: ProgramPlan;
  readonly maxRows: number;
  /** Of the model; the schedule has one. */
  readonly layers: number;
}

export interface PlanSettings {
  readonly config: ModelConfig;
  readonly precision: GpuPrecision;
  /** Absent: one per size class. */
  readonly rows?: readonly number[];
  /** Tiles to try per kernel and size, besides the default tile. */
  readonly maxCandidates: number;
}

/** Rows to measure; the first in a size class stands for it. All but the third are sequences of 384 tokens. */
const typicalRows = [384, 3072, 128, 12_288];
/** The batch size of a software adapter. */
const maxSoftwareRows = 768;

const longestSequence = 384;
const vocabulary = 1024;

/** @throws InputError for two numbers of rows in one size class. */
export function planTuning(settings: PlanSettings, limits: KernelLimits): TuningPlan {
  const config = { ...settings.config, layers: 1, vocabSize: Math.min(settings.config.vocabSize, vocabulary) };
  const program = selectOutputs(questionAnsweringProgram(config), ["start_logits", "end_logits"]);
  const schedule = scheduleAt(packSequences(program) ?? program, bestLevel);
  const placement = new Placement(schedule, settings.precision);
  const rows = settings.rows ?? rowsFor(limits);
  checkRows(rows, limits);
  const maxRows = Math.max(...rows);
  const plan = planKernels(schedule, placement, limits, maxRows);
  return {
    precision: settings.precision,
    schedule,
    placement,
    limits,
    kernels: lower(planKernels(schedule, placement, limits)),
    parameters: expectedParameters(config),
    subjects: subjectsOf(schedule, plan, rows, limits, settings.maxCandidates),
    inputsFor: (count) => inputsFor(schedule, config, count),
    plan,
    maxRows,
    layers: settings.config.layers,
  };
}

function subjectsOf(
  { kernels }: Schedule,
  { dispatches }: ProgramPlan,
  rows: readonly number[],
  limits: KernelLimits,
  maxCandidates: number,
): TuningSubject[] {
  const stored = storedBy(kernels);
  const seen = new Set<string>();
  return dispatches.flatMap(({ stages: [{ family, problem, kernel }] }, index): TuningSubject[] => {
    const key = JSON.stringify([family.name, problem]);
    if (family.tuning === undefined || !hasNumbers(problem) || seen.has(key)) return [];
    seen.add(key);
    const sizes = rows.map((count) => sizeOf(family, problem, count, limits, maxCandidates));
    const readers = problem.canSplitK
      ? kernels.flatMap((other, at) => (kernel.stores.some((value) => readsOf(other, stored).has(value)) ? [at] : []))
      : [];
    return [{ index, family, problem, readers, sizes }];
  });
}

/** A subject's kernel in a tile, and the kernels that read its partial sums. */
export function lowerInTile(
  { plan }: TuningPlan,
  { index, readers }: Pick<TuningSubject, "index" | "readers">,
  tile: Tile,
): PlacedKernels {
  const changed = withTile(plan, index, tile);
  const placed = (at: number): PlacedKernel => {
    const dispatch = changed.dispatches[at];
    if (dispatch === undefined) throw new RangeError(`a schedule has no kernel ${at}`);
    return { index: at, kernel: lowerDispatch(changed, dispatch) };
  };
  return [placed(index), ...readers.map(placed)];
}

const hasNumbers = (problem: { readonly shape: readonly unknown[] }): problem is TunedProblem =>
  problem.shape.every((extent) => typeof extent === "number");

function sizeOf(
  family: KernelFamily,
  problem: TunedProblem,
  rows: number,
  limits: KernelLimits,
  maxCandidates: number,
): TuningSize {
  const maxRows = sizeClassOf(rows, limits);
  // Without a maximum of rows, partial sums would take unbounded memory.
  const sized = problem.canSplitK && !Number.isFinite(maxRows) ? { ...problem, canSplitK: false } : problem;
  const defaultTile = family.defaultTile(sized, limits, rows);
  const others = candidatesFor(family, sized, rows, limits).filter((tile) => !isSame(tile, defaultTile));
  return { rows, maxRows, defaultTile, candidates: someOf(others, defaultTile, maxCandidates) };
}

function rowsFor(limits: KernelLimits): number[] {
  const max = limits.isSoftware ? maxSoftwareRows : Number.POSITIVE_INFINITY;
  return sizeClassesFor(limits)
    .flatMap((maxRows) => typicalRows.find((rows) => sizeClassOf(rows, limits) === maxRows) ?? [])
    .filter((rows) => rows <= max);
}

function checkRows(rows: readonly number[], limits: KernelLimits): void {
  rows.forEach((count, index) => {
    const maxRows = sizeClassOf(count, limits);
    const other = rows.slice(0, index).find((earlier) => sizeClassOf(earlier, limits) === maxRows);
    if (other === undefined) return;
    throw new InputError({
      found: `${other} and ${count} rows are in one size class`,
      expected: `one number for each class; on this GPU they end at ${sizeClassesFor(limits).slice(0, -1).join(", ")} rows`,
    });
  });
}

function inputsFor(
  { program }: Schedule,
  { vocabSize, maxPositions, tokenTypes }: ModelConfig,
  rows: number,
): Map<string, Tensor> {
  const length = Math.min(longestSequence, maxPositions);
  const elements: Readonly<Record<string, (token: number) => number>> = {
    input_ids: (token) => (token * 797) % vocabSize,
    token_type_ids: (token) => (token % length > 20 ? 1 : 0) % tokenTypes,
    position_ids: (token) => token % length,
    token_indices: (token) => token % length,
    [sequenceIds]: (token) => token - (token % length),
  };
  return new Map(
    [...inputsOf(computeOrder(program)).keys()].map((name) => {
      const data = Int32Array.from({ length: rows }, (_, token) => elements[name]?.(token) ?? 0);
      return [name, { dtype: "i32", shape: [rows], data }];
    }),
  );
}
