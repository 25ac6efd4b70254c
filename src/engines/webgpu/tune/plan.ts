/**
 * What there is to measure: the kernels of a model that have tiles, each once, with the sizes of runs they are measured at and
 * the tiles that are tried.
 *
 * One layer of the model is enough, for all are alike, and a small vocabulary, for no kernel with tiles reads it.
 */
import type { BertConfig } from "../../../architectures/bert/config.ts";
import { expectedParameters } from "../../../architectures/bert/parameters.ts";
import { bertForQuestionAnswering } from "../../../architectures/bert/program.ts";
import { InputError } from "../../../errors.ts";
import { inputsOf } from "../../../program/bind.ts";
import { computeOrder } from "../../../program/order.ts";
import { selectOutputs } from "../../../program/program.ts";
import { packSequences, sequenceIds } from "../../../rewrites/pack-sequences.ts";
import { bestLevel, scheduleAt } from "../../../schedule/levels.ts";
import { type Kernel, readsOf, type Schedule, storedBy } from "../../../schedule/schedule.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import type { KernelLimits } from "../device/kernel-limits.ts";
import type { GpuPrecision } from "../device/precision.ts";
import {
  defaultTile,
  sizeClassesOf,
  sizeClassOf,
  type Tile,
  type TiledKernel,
  tiledKernelOf,
} from "../plan/choose-tile.ts";
import { type LoweredKernel, lowerToWgsl } from "../plan/lower.ts";
import { Placement } from "../plan/placement.ts";
import { divisibleResults } from "../plan/split-k.ts";
import { candidatesFor, someOf } from "./candidates.ts";
import type { Inputs, PlacedKernel, PlacedKernels } from "./time-kernel.ts";

/** A kernel at a size of runs. */
export interface TuningSize {
  /** Tokens of the run that is measured. */
  readonly rows: number;
  /** The largest runs that get what is found. */
  readonly mostRows: number;
  readonly usual: Tile;
  /** Without the usual one. */
  readonly candidates: readonly Tile[];
}

export interface TuningSubject {
  /** The kernel's place in the schedule. */
  readonly index: number;
  readonly kernel: TiledKernel & { readonly shape: readonly [number, number] };
  /** The places of those that read its result, where that may come in shares: they add them up. */
  readonly readers: readonly number[];
  readonly sizes: readonly TuningSize[];
}

export interface TuningPlan {
  readonly precision: GpuPrecision;
  readonly schedule: Schedule;
  readonly placement: Placement;
  readonly limits: KernelLimits;
  /** The schedule's kernels in their usual tiles. */
  readonly kernels: readonly LoweredKernel[];
  readonly parameters: ReadonlyMap<string, readonly number[]>;
  readonly subjects: readonly TuningSubject[];
  /** Made-up inputs of a run. */
  readonly inputsFor: (rows: number) => Inputs;
  readonly mostRows: number;
  /** Of the model; the schedule is one of them. */
  readonly layers: number;
}

export interface PlanSettings {
  readonly config: BertConfig;
  readonly precision: GpuPrecision;
  /** Absent: one for each size class. */
  readonly rows?: readonly number[];
  /** Tiles that are tried for a kernel at a size, besides the usual one. */
  readonly mostCandidates: number;
}

/** Runs that are measured, the first of a size class for the whole class: sequences of 384 tokens, but for the third. */
const typicalRows = [384, 3072, 128, 12_288];
/** A batch of the software GPU. */
const mostSoftwareRows = 768;

const longestSequence = 384;
const vocabulary = 1024;

/** @throws InputError for several numbers of rows of one size class. */
export function planTuning(settings: PlanSettings, limits: KernelLimits): TuningPlan {
  const config = { ...settings.config, layers: 1, vocabSize: Math.min(settings.config.vocabSize, vocabulary) };
  const program = selectOutputs(bertForQuestionAnswering(config), ["start_logits", "end_logits"]);
  const schedule = scheduleAt(packSequences(program) ?? program, bestLevel);
  const placement = new Placement(schedule, settings.precision);
  const divisible = divisibleResults(schedule, placement);
  const stored = storedBy(schedule.kernels);
  const rows = settings.rows ?? rowsFor(limits);
  checkRows(rows, limits);
  const seen = new Set<string>();
  const subjects = schedule.kernels.flatMap((kernel, index): TuningSubject[] => {
    const tiled = tiledKernelOf(kernel, placement, limits, divisible);
    if (tiled === undefined || !hasNumbers(tiled) || seen.has(JSON.stringify(tiled))) return [];
    seen.add(JSON.stringify(tiled));
    const sizes = rows.map((count) => sizeOf(tiled, count, limits, settings.mostCandidates));
    const isReader = (other: Kernel): boolean => kernel.stores.some((value) => readsOf(other, stored).has(value));
    const readers = tiled.isDivisible ? schedule.kernels.flatMap((other, at) => (isReader(other) ? [at] : [])) : [];
    return [{ index, kernel: tiled, readers, sizes }];
  });
  return {
    precision: settings.precision,
    schedule,
    placement,
    limits,
    kernels: lowerToWgsl(schedule, placement, limits),
    parameters: expectedParameters(config),
    subjects,
    inputsFor: (count) => inputsFor(schedule, config, count),
    mostRows: Math.max(...rows),
    layers: settings.config.layers,
  };
}

/** The schedule's kernel at a place, in a tile, and those that read its result as that tile leaves it. */
export function lowerInTile(
  { schedule, placement, limits, mostRows }: TuningPlan,
  { index, kernel, readers }: TuningSubject,
  tile: Tile,
): PlacedKernels {
  const tiles = { tileFor: (kind: string) => (kind === kernel.kind ? tile : undefined) as never };
  const lowered = lowerToWgsl(schedule, placement, { ...limits, tiles }, mostRows);
  const placed = (at: number): PlacedKernel => ({ index: at, kernel: lowered[at] as LoweredKernel });
  return [placed(index), ...readers.map(placed)];
}

const hasNumbers = (kernel: TiledKernel): kernel is TuningSubject["kernel"] =>
  kernel.shape.every((extent) => typeof extent === "number");

function sizeOf(tiled: TuningSubject["kernel"], rows: number, limits: KernelLimits, most: number): TuningSize {
  // Runs of any size would take any room in shares.
  const kernel = { ...tiled, isDivisible: tiled.isDivisible === true && Number.isFinite(sizeClassOf(rows, limits)) };
  const usual = defaultTile(kernel, limits, rows);
  const others = candidatesFor(kernel, rows, limits).filter((tile) => !isSame(tile, usual));
  return { rows, mostRows: sizeClassOf(rows, limits), usual, candidates: someOf(others, usual, most) };
}

export const isSame = (a: Tile, b: Tile): boolean => Object.values(a).flat().join() === Object.values(b).flat().join();

function rowsFor(limits: KernelLimits): number[] {
  const most = limits.isSoftware ? mostSoftwareRows : Number.POSITIVE_INFINITY;
  return sizeClassesOf(limits)
    .flatMap((mostRows) => typicalRows.find((rows) => sizeClassOf(rows, limits) === mostRows) ?? [])
    .filter((rows) => rows <= most);
}

function checkRows(rows: readonly number[], limits: KernelLimits): void {
  rows.forEach((count, index) => {
    const mostRows = sizeClassOf(count, limits);
    const other = rows.slice(0, index).find((earlier) => sizeClassOf(earlier, limits) === mostRows);
    if (other === undefined) return;
    throw new InputError({
      found: `${other} and ${count} rows are of one class of size`,
      expected: `one number for each class; on this GPU they end at ${sizeClassesOf(limits).slice(0, -1).join(", ")} rows`,
    });
  });
}

function inputsFor(
  { program }: Schedule,
  { vocabSize, maxPositions, tokenTypes }: BertConfig,
  rows: number,
): Map<string, Tensor> {
  const length = Math.min(longestSequence, maxPositions);
  const elements: Readonly<Record<string, (token: number) => number>> = {
    input_ids: (token) => (token * 797) % vocabSize,
    token_type_ids: (token) => (token % length > 20 ? 1 : 0) % tokenTypes,
    position_ids: (token) => token % length,
    [sequenceIds]: (token) => token - (token % length),
  };
  return new Map(
    [...inputsOf(computeOrder(program)).keys()].map((name) => {
      const data = Int32Array.from({ length: rows }, (_, token) => elements[name]?.(token) ?? 0);
      return [name, { dtype: "i32", shape: [rows], data }];
    }),
  );
}
