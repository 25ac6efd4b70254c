/**
 * Finds the stages of a dump that are dumped at another point than their own (`dump-points.ts`).
 *
 * A stage that differs from the original's operations on the stages before it is suspected. A later stage decides: where it
 * is right only if the kernel did not go on with the suspected stage as it is dumped, that stage was dumped elsewhere; where
 * it is right with it, the kernel deviates there.
 *
 * Must stay true: nothing is certain that no later stage shows, and of two readings that fit equally well neither is taken.
 */
import type { Deviation } from "../../architectures/deviations.ts";
import { layerStagesOf, stageName } from "../../architectures/index.ts";
import type { Program, Value } from "../../program/program.ts";
import { applyAll } from "../candidate/candidate.ts";
import type { LayerUnderTest } from "../layer/layer-under-test.ts";
import { required } from "../layer/required.ts";
import { type DumpPoint, dumpPointsOf } from "./dump-points.ts";
import { type SegmentData, SegmentFit } from "./segment-fit.ts";
import { type Segment, segmentAt } from "./segments.ts";
import { squaredDistance, sumOfSquares } from "./squares.ts";

export interface DumpedElsewhere {
  /** To follow "is dumped"; undefined where no known point fits. */
  readonly words: string | undefined;
  /** The value there, of the dump's `program`. */
  readonly value: Value | undefined;
  /** Whether a later stage shows it; otherwise the kernel may as well deviate. */
  readonly isCertain: boolean;
}

/** A dump, and the program by `layerProgramWithKeys` of which its points are values. */
export interface DumpData extends SegmentData {
  readonly program: Program;
}

export interface FindDumpPointsOptions {
  /** The largest ratio over the budget that still counts as rounding. */
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
}

/** With more suspected stages before one, not all subsets are tried. */
const maxSuspects = 4;
/** An error above this share is not rounding in any precision. */
const surelyWrong = 0.2;

/** @returns by the stage's full name. */
export async function findDumpPoints(
  subject: LayerUnderTest,
  data: DumpData,
  options: FindDumpPointsOptions,
): Promise<ReadonlyMap<string, DumpedElsewhere>> {
  const search = new DumpPointSearch(subject, data, options);
  await search.run();
  return search.found;
}

/**
 * Where a stage is dumped by a kernel with deviations.
 * @param dropped the stages that are dumped elsewhere, this one among them.
 * @returns `own` if it is at its own place; undefined if no known point fits.
 */
export async function dumpPointUnder(
  data: DumpData,
  { stage, dropped, deviations }: { stage: string; dropped: ReadonlySet<string>; deviations: readonly Deviation[] },
  options: FindDumpPointsOptions,
): Promise<DumpPoint | "own" | undefined> {
  const program = applyAll(data.program, deviations);
  const available = new Set([...data.stages.keys()].filter((name) => !dropped.has(name)));
  const own = { words: "own", value: required(program.outputs.get(stage)) };
  for (const point of [own, ...dumpPointsOf(program, stage)]) {
    const segment = segmentAt(program, stage, point.value, new Set([...available, stage]));
    if (segment.readsHidden && data.inputs === undefined) continue;
    if (!(await fits(segment, data, options))) continue;
    if (point === own) return "own";
    // A deviation may leave out one of the operations: without a mask, none follows the scale.
    const points = dumpPointsOf(data.program, stage);
    return (
      points.find(({ words }) => words === point.words) ?? points.find(({ words }) => words.startsWith(point.words))
    );
  }
  return undefined;
}

/** How a stage fits: without some of the suspected stages before it, at its own place or another point. */
interface Reading {
  readonly dropped: readonly string[];
  readonly point: DumpPoint | undefined;
}

class DumpPointSearch {
  readonly found = new Map<string, DumpedElsewhere>();
  readonly #stages: readonly string[];
  readonly #data: DumpData;
  readonly #options: FindDumpPointsOptions;
  /** Stages that are wrong where they should be, with the point that they fit. */
  readonly #suspects = new Map<string, DumpPoint | undefined>();

  constructor({ config, layer }: LayerUnderTest, data: DumpData, options: FindDumpPointsOptions) {
    this.#stages = layerStagesOf(config)
      .map((kind) => stageName(layer, kind))
      .filter((stage) => data.stages.has(stage));
    this.#data = data;
    this.#options = options;
  }

  async run(): Promise<void> {
    for (const stage of this.#stages) await this.#examine(stage);
    for (const [stage, point] of this.#suspects) {
      if (point !== undefined) this.found.set(stage, { ...point, isCertain: false });
    }
  }

  async #examine(stage: string): Promise<void> {
    const own = this.#segment(stage, this.#valueOf(stage), []);
    if (own.readsHidden && this.#data.inputs === undefined) return;
    const suspects = this.#suspectsBefore(stage);
    const reading = await this.#bestReading(stage, suspects);
    if (reading === undefined) {
      this.#suspects.set(stage, undefined);
      return;
    }
    const { dropped, point } = reading;
    if (point !== undefined) this.#suspects.set(stage, point);
    for (const name of suspects) {
      const at = this.#suspects.get(name);
      if (dropped.includes(name)) this.found.set(name, { words: at?.words, value: at?.value, isCertain: true });
      else if (point !== undefined || (await this.#fitsWithout(stage, name, dropped))) continue;
      // Found elsewhere, or what the kernel went on with as it is dumped: a deviation.
      this.#suspects.delete(name);
    }
  }

  /** Whether a stage is right also if the kernel did not go on with a suspected one as it is dumped: then nothing is settled. */
  #fitsWithout(stage: string, suspect: string, dropped: readonly string[]): Promise<boolean> {
    return this.#fits(this.#segment(stage, this.#valueOf(stage), [...dropped, suspect]));
  }

  /** The suspected stages that a stage is computed from, also through others. */
  #suspectsBefore(stage: string): readonly string[] {
    const found: string[] = [];
    for (;;) {
      const { readsStages } = this.#segment(stage, this.#valueOf(stage), found);
      const more = readsStages.filter((name) => this.#suspects.has(name));
      if (more.length === 0 || found.length + more.length > maxSuspects) return found;
      found.push(...more);
    }
  }

  /** The reading with the fewest assumptions; undefined if none fits, or several equally good ones. */
  async #bestReading(stage: string, suspects: readonly string[]): Promise<Reading | undefined> {
    const points = [undefined, ...dumpPointsOf(this.#data.program, stage)];
    const readings = subsetsOf(suspects).flatMap((dropped) => points.map((point): Reading => ({ dropped, point })));
    // A stage at another point, of which the suspects that it reads are right as they are dumped, has two things against it.
    const cost = ({ dropped, point }: Reading) => {
      if (point === undefined) return dropped.length;
      const { readsStages } = this.#segment(stage, point.value, dropped);
      return 1 + dropped.length + readsStages.filter((name) => this.#suspects.has(name)).length;
    };
    readings.sort((a, b) => cost(a) - cost(b));
    const fitting: Reading[] = [];
    for (const reading of readings) {
      if (fitting[0] !== undefined && cost(reading) > cost(fitting[0])) break;
      const { dropped, point } = reading;
      const value = point?.value ?? this.#valueOf(stage);
      const segment = this.#segment(stage, value, dropped);
      if (segment.readsHidden && this.#data.inputs === undefined) continue;
      // What is not read without being dropped makes no difference.
      const readsAll = dropped.every((name) => {
        const others = dropped.filter((other) => other !== name);
        return this.#segment(stage, value, others).readsStages.includes(name);
      });
      if (!readsAll) continue;
      if (await this.#fits(segment)) fitting.push(reading);
    }
    // Points of one stage that fit alike (a bias of zeros) are one reading.
    const [first, ...others] = fitting;
    const isAmbiguous = others.some(({ dropped }) => dropped.join() !== first?.dropped.join());
    return isAmbiguous ? undefined : first;
  }

  #segment(stage: string, value: Value, dropped: readonly string[]) {
    const available = this.#stages.filter((name) => !this.found.has(name) && !dropped.includes(name));
    return segmentAt(this.#data.program, stage, value, new Set([...available, stage]));
  }

  #valueOf(stage: string): Value {
    return this.#data.program.outputs.get(stage) as Value;
  }

  #fits(segment: Segment): Promise<boolean> {
    return fits(segment, this.#data, this.#options);
  }
}

/** Whether the dumped stage is what the segment computes, within rounding. */
async function fits(segment: Segment, data: SegmentData, { limit, signal }: FindDumpPointsOptions): Promise<boolean> {
  const fit = await SegmentFit.create(segment, data, signal);
  if (fit.broken > 0 || fit.counted === 0) return false;
  const exact = await fit.evaluate(segment.program, signal);
  const error = squaredDistance(exact, fit.target);
  if (error === 0) return true;
  if (error > surelyWrong ** 2 * sumOfSquares(exact)) return false;
  return error <= limit ** 2 * squaredDistance(exact, await fit.evaluateRounded(segment.program, signal));
}

/** All subsets, the smaller ones first. */
function subsetsOf(names: readonly string[]): (readonly string[])[] {
  const all = Array.from({ length: 2 ** names.length }, (_, bits) => names.filter((_name, bit) => (bits >> bit) & 1));
  return all.sort((a, b) => a.length - b.length);
}
