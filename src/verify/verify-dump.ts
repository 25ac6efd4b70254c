/**
 * Verifies one layer of a dump, which cannot be run again.
 *
 * A stage may be dumped at another point than its own, which a later stage shows, or the diagnosis: it is then compared there.
 *
 * Must stay true: of two readings that explain a dump equally well, neither is stated as a fact.
 */
import { layerProgramWithKeys, stageName } from "../architectures/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { cleanPadding } from "./candidate/clean-padding.ts";
import type { Diagnosis, Finding } from "./diagnose/diagnose.ts";
import type { DumpPoint } from "./diagnose/dump-points.ts";
import { type DumpData, dumpPointUnder, findDumpPoints } from "./diagnose/find-dump-points.ts";
import { segmentAt, segmentsOf } from "./diagnose/segments.ts";
import { compute, type LayerUnderTest } from "./layer/layer-under-test.ts";
import type { Precision } from "./layer/precision.ts";
import { required } from "./layer/required.ts";
import {
  conclude,
  diagnoseStages,
  type Elsewhere,
  feedsOf,
  type LayerOptions,
  type LayerResult,
  propagate,
  type Recomputed,
  recompute,
  type Stages,
  type Versions,
} from "./layer-evidence.ts";

export interface DumpedLayer {
  readonly stages: Stages;
  readonly hiddenStates: Tensor | undefined;
  readonly precision: Precision;
}

export async function verifyDumped(
  subject: LayerUnderTest,
  dump: DumpedLayer,
  options: LayerOptions,
): Promise<LayerResult> {
  const { attentionMask } = subject.inputs;
  const { precision } = dump;
  const stages = new Map([...dump.stages].map(([name, tensor]) => [name, cleanPadding(tensor, attentionMask)]));
  const hidden = dump.hiddenStates && cleanPadding(dump.hiddenStates, attentionMask);
  options.onStep?.("finding where each stage is dumped");
  const inputs = hidden && { hiddenStates: hidden, attentionMask };
  const program = layerProgramWithKeys(subject.config, subject.layer);
  const data = { program, inputs, stages, parameters: subject.parameters, attentionMask, precision };
  const found = await findDumpPoints(subject, data, options);
  const reading = await new Readings(subject, data, found, options).best();
  const elsewhere = new Map([...found].filter(([stage]) => reading.dropped.has(stage)));
  for (const [stage, point] of reading.points) {
    // Right with the deviations that were found: it is dumped where it should be.
    if (point === "own") elsewhere.delete(stage);
    else elsewhere.set(stage, { words: point?.words, value: point?.value, isCertain: !reading.isTied });
  }
  return judgeDump(subject, data, { elsewhere, reading }, options);
}

/** A diagnosis that takes some stages as dumped elsewhere. */
interface Reading {
  readonly dropped: ReadonlySet<string>;
  readonly diagnosis: Diagnosis;
  /** The original's operations on the other stages. */
  readonly recomputed: Recomputed;
  /** Where those of them are dumped that are not certain, by a kernel with the deviations found. */
  readonly points: ReadonlyMap<string, DumpPoint | "own" | undefined>;
  /** How much has to be assumed: a cause or a stage dumped elsewhere each, and more than all of them where one is unexplained. */
  readonly assumptions: number;
  /** Whether the kernel deviating explains as much. */
  readonly isTied: boolean;
}

/** Searches the stages without which a diagnosis has to assume the least. */
class Readings {
  readonly #subject: LayerUnderTest;
  readonly #data: DumpData;
  readonly #found: Elsewhere;
  readonly #options: LayerOptions;
  readonly #memory = new Map<string, Finding>();
  /** What a diagnosis speaks of wherever it may be dumped: it is what the layer is for. */
  readonly #output: string;

  constructor(subject: LayerUnderTest, data: DumpData, found: Elsewhere, options: LayerOptions) {
    this.#subject = subject;
    this.#data = data;
    this.#found = found;
    this.#options = options;
    this.#output = stageName(subject.layer, "output");
  }

  async best(): Promise<Reading> {
    const undecided = [...this.#found].filter(([stage, { isCertain }]) => !isCertain && stage !== this.#output);
    const certain = [...this.#found].filter(([, { isCertain }]) => isCertain);
    let best = await this.#read(certain.map(([stage]) => stage));
    for (let round = 0; round < maxRounds; round++) {
      const moves = this.#movesFrom(
        best,
        undecided.map(([stage]) => stage),
      );
      let next: Reading | undefined;
      for (const move of moves) {
        const reading = await this.#read([...best.dropped, ...move], next?.assumptions ?? best.assumptions + 1);
        if (next === undefined || reading.assumptions < next.assumptions) next = reading;
      }
      if (next === undefined || next.assumptions > best.assumptions) return best;
      // Of a kernel that deviates anyway a deviation is as likely; of one that is right otherwise nothing is claimed.
      if (next.assumptions === best.assumptions) {
        return next.diagnosis.report.causes.length > 0 ? best : { ...next, isTied: true };
      }
      best = next;
    }
    return best;
  }

  /** Sets of stages that may be dumped elsewhere, if the reading so far leaves something to be explained otherwise. */
  #movesFrom({ dropped, diagnosis }: Reading, undecided: readonly string[]): (readonly string[])[] {
    const { causes, unexplained } = diagnosis.report;
    const kept = (stages: readonly string[]) =>
      [...new Set(stages)].filter(
        (stage) => !dropped.has(stage) && stage !== this.#output && this.#data.stages.has(stage),
      );
    const together = kept(undecided);
    if (unexplained.length === 0) return together.length === 0 ? [] : [together];
    const read = segmentsOf(
      this.#subject.config,
      this.#subject.layer,
      new Set([...this.#data.stages.keys()].filter((stage) => !dropped.has(stage))),
      this.#data.inputs !== undefined,
    ).segments.filter(({ stage }) => unexplained.includes(stage));
    const suspicious = kept([...undecided, ...causes.flatMap(({ stages }) => stages), ...unexplained]);
    const joint = read.map(({ readsStages }) => readsStages.filter((stage) => suspicious.includes(stage)));
    const sets = [...suspicious.map((stage) => [stage]), ...joint, together].filter(({ length }) => length > 0);
    return [...new Map(sets.map((set) => [set.toSorted().join(), set])).values()];
  }

  /** @param tooMany assumptions: with so many, or more, a reading is of no interest, and need not be completed. */
  async #read(dropped: readonly string[], tooMany = Number.POSITIVE_INFINITY): Promise<Reading> {
    const { stages, inputs, precision } = this.#data;
    const hidden = inputs?.hiddenStates;
    const { signal } = this.#options;
    const left = new Set(dropped);
    const diagnosed = new Map([...stages].filter(([stage]) => !left.has(stage)));
    const recomputed = await recompute(this.#subject, { stages: diagnosed, hidden, precision, signal });
    const diagnosis = await diagnoseStages(
      this.#subject,
      { precision, diagnosed, hidden, recomputed: recomputed.pairs, elsewhere: this.#found, options: this.#options },
      this.#memory,
    );
    const { causes, unexplained } = diagnosis.report;
    let assumptions = causes.length + unexplainedWeight * unexplained.length;
    const points = new Map<string, DumpPoint | "own" | undefined>();
    for (const stage of dropped) {
      if (assumptions >= tooMany || this.#found.get(stage)?.isCertain) continue;
      const { deviations } = diagnosis;
      const point = await dumpPointUnder(this.#data, { stage, dropped: left, deviations }, this.#options);
      points.set(stage, point);
      if (point !== "own") assumptions += point === undefined ? unexplainedWeight + 1 : 1;
    }
    return { dropped: left, diagnosis, recomputed, points, assumptions, isTied: false };
  }
}

/** Against one for a cause or a stage dumped elsewhere. */
const unexplainedWeight = 100;

/** Each leaves out some more stages. */
const maxRounds = 4;

async function judgeDump(
  subject: LayerUnderTest,
  data: DumpData,
  { elsewhere, reading }: { readonly elsewhere: Elsewhere; readonly reading: Reading },
  options: LayerOptions,
): Promise<LayerResult> {
  const { stages, precision } = data;
  const { signal } = options;
  const hidden = data.inputs?.hiddenStates;
  const chain = hidden && { original: hidden, ordinary: hidden, candidate: hidden };
  const propagated = chain && (await propagate(subject, chain, precision, signal));
  options.onStep?.("recomputing each stage");
  const own: Stages = new Map([...stages].filter(([stage]) => !elsewhere.get(stage)?.isCertain));
  const diagnosed = new Map([...stages].filter(([stage]) => !reading.dropped.has(stage)));
  // What is certainly elsewhere was left out of the diagnosis, so there are the same stages or more.
  const shadow =
    own.size === diagnosed.size
      ? reading.recomputed
      : await recompute(subject, { stages: own, hidden, precision, signal });
  const points = await recomputePoints(data, { own, elsewhere, signal });
  const evidence = {
    precision,
    stages,
    diagnosed,
    hidden,
    production: new Set(stages.keys()),
    judgesInstrumented: false,
    propagated: propagated && {
      original: new Map([...propagated.original, ...points.original]),
      ordinary: new Map([...propagated.ordinary, ...points.ordinary]),
    },
    shadow: new Map([...shadow.pairs, ...points.pairs]),
    skipped: shadow.skipped,
    elsewhere,
    options,
  };
  return conclude(subject, evidence, reading.diagnosis);
}

/** The stages that are certainly dumped at another point, compared there: on the candidate's own stages, and from the input. */
async function recomputePoints(
  { program, stages, inputs, parameters, attentionMask, precision }: DumpData,
  { own, elsewhere, signal }: { own: Stages; elsewhere: Elsewhere; signal: AbortSignal | undefined },
) {
  const [pairs, original, ordinary] = [
    new Map<string, Versions>(),
    new Map<string, Tensor>(),
    new Map<string, Tensor>(),
  ];
  const hidden = inputs?.hiddenStates;
  const given = feedsOf(own, hidden, attentionMask);
  const unrounded = feedsOf(own, hidden, attentionMask, precision);
  for (const [stage, { value, isCertain }] of elsewhere) {
    if (!isCertain || value === undefined) continue;
    const at = segmentAt(program, stage, value, new Set([...own.keys(), stage])).program;
    pairs.set(stage, {
      original: required((await compute(at, parameters, given, { signal })).get(stage)),
      ordinary: required((await compute(at, parameters, unrounded, { signal, precision })).get(stage)),
      candidate: required(stages.get(stage)),
    });
    if (hidden === undefined) continue;
    // It reads nothing of `given` but the input.
    const whole = { outputs: new Map([[stage, value]]) };
    original.set(stage, required((await compute(whole, parameters, given, { signal })).get(stage)));
    ordinary.set(stage, required((await compute(whole, parameters, given, { signal, precision })).get(stage)));
  }
  return { pairs, original, ordinary };
}
