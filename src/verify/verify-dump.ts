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
import { type DumpedElsewhere, findDumpPoints } from "./diagnose/find-dump-points.ts";
import { segmentAt } from "./diagnose/segments.ts";
import { compute, type LayerUnderTest } from "./layer/layer-under-test.ts";
import type { Precision } from "./layer/precision.ts";
import { required } from "./layer/required.ts";
import {
  conclude,
  type Elsewhere,
  feedsOf,
  type LayerOptions,
  type LayerResult,
  propagate,
  type RecomputeOptions,
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
  const data = { inputs, stages, parameters: subject.parameters, attentionMask, precision };
  const elsewhere = await findDumpPoints(subject, data, options);
  const judge = (found: Elsewhere): Promise<LayerResult> =>
    judgeDump(subject, { stages, hiddenStates: hidden, precision }, found, options);
  // The layer's output is what it is for: a diagnosis speaks of it wherever it may be dumped.
  const output = stageName(subject.layer, "output");
  const undecided = [...elsewhere].filter(([stage, { isCertain }]) => !isCertain && stage !== output);
  const asDumped = await judge(filtered(elsewhere, (stage) => !undecided.some(([name]) => name === stage)));
  if (undecided.length === 0) return asDumped;
  const moved = await judge(
    new Map(
      [...elsewhere].map(([stage, found]) => [stage, { ...found, isCertain: found.isCertain || stage !== output }]),
    ),
  );
  const [deviating, right] = [assumptionsOf(asDumped), assumptionsOf(moved) + undecided.length];
  if (deviating === right) return judge(elsewhere);
  return deviating < right ? asDumped : moved;
}

/** How much has to be assumed for a diagnosis to hold: a cause each, and more than all causes for what stays unexplained. */
function assumptionsOf({ diagnosis }: LayerResult): number {
  const { causes, unexplained } = diagnosis.report;
  return causes.length + 100 * unexplained.length;
}

/** @param elsewhere stages that are taken to be dumped at another point if that is certain, and left out if it is not. */
async function judgeDump(
  subject: LayerUnderTest,
  { stages, hiddenStates: hidden, precision }: DumpedLayer,
  elsewhere: Elsewhere,
  options: LayerOptions,
): Promise<LayerResult> {
  const { signal } = options;
  const chain = hidden && { original: hidden, ordinary: hidden, candidate: hidden };
  const propagated = chain && (await propagate(subject, chain, precision, signal));
  options.onStep?.("recomputing each stage");
  const own = without(stages, elsewhere, ({ isCertain }) => isCertain);
  const shadow = await recompute(subject, { stages: own, hidden, precision, signal });
  const output = stageName(subject.layer, "output");
  const diagnosed = without(stages, elsewhere, ({ isCertain }, stage) => isCertain || stage !== output);
  const { pairs: recomputed } = await recompute(subject, { stages: diagnosed, hidden, precision, signal });
  const points = await recomputePoints(subject, { stages, own, hidden, precision, signal }, elsewhere);
  return conclude(subject, {
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
    recomputed,
    skipped: shadow.skipped,
    elsewhere,
    options,
  });
}

const filtered = (elsewhere: Elsewhere, keeps: (stage: string) => boolean): Elsewhere =>
  new Map([...elsewhere].filter(([stage]) => keeps(stage)));

function without(
  stages: Stages,
  elsewhere: Elsewhere,
  leavesOut: (found: DumpedElsewhere, stage: string) => boolean,
): Stages {
  return new Map(
    [...stages].filter(([name]) => {
      const found = elsewhere.get(name);
      return found === undefined || !leavesOut(found, name);
    }),
  );
}

/** The stages that are certainly dumped at another point, compared there: on the candidate's own stages, and from the input. */
async function recomputePoints(
  { config, layer, parameters, inputs: { attentionMask } }: LayerUnderTest,
  { stages, own, hidden, precision, signal }: RecomputeOptions & { readonly own: Stages },
  elsewhere: Elsewhere,
) {
  const [pairs, original, ordinary] = [
    new Map<string, Versions>(),
    new Map<string, Tensor>(),
    new Map<string, Tensor>(),
  ];
  for (const [stage, { value, isCertain }] of elsewhere) {
    if (!isCertain || value === undefined) continue;
    const candidate = required(stages.get(stage));
    const { program } = segmentAt(layerProgramWithKeys(config, layer), stage, value, new Set([...own.keys(), stage]));
    const given = feedsOf(own, hidden, attentionMask);
    const unrounded = feedsOf(own, hidden, attentionMask, precision);
    pairs.set(stage, {
      original: required((await compute(program, parameters, given, { signal })).get(stage)),
      ordinary: required((await compute(program, parameters, unrounded, { signal, precision })).get(stage)),
      candidate,
    });
    if (hidden === undefined) continue;
    const whole = { outputs: new Map([[stage, value]]) };
    const fromInput = feedsOf(new Map(), hidden, attentionMask);
    original.set(stage, required((await compute(whole, parameters, fromInput, { signal })).get(stage)));
    ordinary.set(stage, required((await compute(whole, parameters, fromInput, { signal, precision })).get(stage)));
  }
  return { pairs, original, ordinary };
}
