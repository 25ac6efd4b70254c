/**
 * Verifies one layer of a candidate that can be run: an engine or an imitation.
 */
import { layerProgram, stageName } from "../architectures/index.ts";
import type { Program, Value } from "../program/program.ts";
import { assumeUnmasked } from "../rewrites/assume-unmasked.ts";
import { asFloat32 } from "../tensor/half.ts";
import type { RunnableCandidate } from "./candidate/candidate.ts";
import { givenName, segmentsOf } from "./diagnose/segments.ts";
import type { LayerInputs } from "./layer/layer-inputs.ts";
import { compute, type LayerUnderTest } from "./layer/layer-under-test.ts";
import { required } from "./layer/required.ts";
import {
  conclude,
  diagnoseStages,
  inputsWith,
  type LayerOptions,
  type LayerResult,
  positionFeeds,
  propagate,
  recompute,
  type Stages,
  type Versions,
} from "./layer-evidence.ts";

/** Verifies a layer of an engine or an imitation. */
export async function verifyRunnable(
  subject: LayerUnderTest,
  candidate: RunnableCandidate,
  chain: Versions,
  options: LayerOptions,
): Promise<LayerResult> {
  const { config, layer, parameters } = subject;
  const { precision } = candidate;
  const { signal } = options;
  const program = layerProgram(config, layer);
  const output = stageName(layer, "output");
  options.onStep?.("running the layer");
  const task = {
    program: programFor(program, subject.inputs),
    layer,
    parameters,
    inputs: inputsWith(subject.inputs, chain.candidate),
    signal,
  };
  const instrumented = await candidate.compute(task);
  // Users of an engine run kernels that keep only the output: the stages that these write are judged. The instrumented
  // kernels round differently, so a diagnosis never mixes the two.
  const production =
    candidate.kind === "engine" ? await candidate.compute({ ...task, wanted: [output], observe: true }) : instrumented;
  const propagated = await propagate(subject, chain, precision, signal);
  options.onStep?.("running each stage on the original's inputs");
  const shadow = await shadowOfRunnable(subject, candidate, propagated.original, signal);
  const examined = { diagnosed: instrumented, hidden: chain.candidate, precision, elsewhere: new Map(), options };
  const { pairs } = await recompute(subject, { stages: instrumented, hidden: chain.candidate, precision, signal });
  const evidence = {
    ...examined,
    stages: new Map([...instrumented, ...production]),
    production: new Set(production.keys()),
    // An engine that cannot be observed has no other stages to judge than its instrumented ones.
    judgesInstrumented: candidate.observes !== true,
    propagated,
    shadow,
    skipped: new Map(),
  };
  return conclude(subject, evidence, await diagnoseStages(subject, { ...examined, recomputed: pairs }));
}

/** All segments as one program, each fed with the original's stages. */
async function shadowOfRunnable(
  subject: LayerUnderTest,
  candidate: RunnableCandidate,
  original: Stages,
  signal: AbortSignal | undefined,
): Promise<Map<string, Versions>> {
  const { config, layer, parameters, inputs } = subject;
  const { segments } = segmentsOf(config, layer, new Set(original.keys()), true);
  const outputs = new Map(segments.map(({ stage, program }) => [stage, program.outputs.get(stage) as Value]));
  // All get the same values, those that an engine accepts.
  const feeds = positionFeeds(inputs.attentionMask);
  for (const name of ["hidden_states", "key_states"]) feeds.set(name, asFloat32(inputs.hiddenStates));
  for (const [name, tensor] of original) feeds.set(givenName(name), asFloat32(tensor));
  const program = programFor({ outputs }, inputs);
  const exact = await compute({ outputs }, parameters, feeds, { signal });
  const ordinary = await compute({ outputs }, parameters, feeds, { signal, precision: candidate.precision });
  const found = await candidate.compute({ program, layer, parameters, inputs: feeds, signal });
  return new Map(
    segments.map(({ stage }) => [
      stage,
      {
        original: required(exact.get(stage)),
        ordinary: required(ordinary.get(stage)),
        candidate: required(found.get(stage)),
      },
    ]),
  );
}

/** Without padding the program has no mask, as when users run an engine. */
function programFor(program: Program, { attentionMask }: LayerInputs): Program {
  return attentionMask.data.every((value) => value !== 0) ? assumeUnmasked(program) : program;
}
