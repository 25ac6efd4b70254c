/**
 * Cutting a layer into the pieces that a dump can judge on their own.
 *
 * A dump holds some of the layer's stages. The piece between those it has and the next one it has is a *segment*: a
 * program that computes one dumped stage from dumped stages before it (and the layer's input). What a kernel does
 * differently shows in the segment where it does it, undisturbed by what it did before; with a dump of every stage a
 * segment is one or two operations, with one of the output alone it is the whole layer.
 */
import type { BertConfig } from "../../architectures/bert/config.ts";
import {
  type LayerStage,
  layerProgramWithKeys,
  layerStages,
  stageName,
} from "../../architectures/bert/layer-program.ts";
import { inputsOf } from "../../program/bind.ts";
import { input } from "../../program/build.ts";
import { computeOrder } from "../../program/order.ts";
import { type Program, selectOutputs, type Value } from "../../program/program.ts";
import { rewrite } from "../../rewrites/rewrite.ts";

export interface Segment {
  /** The stage it computes, by its full name. */
  readonly stage: string;
  readonly kind: LayerStage;
  /** Its outputs are that stage and those computed on the way: what an implementation stores. */
  readonly program: Program;
  /** The stages (full names) it reads; besides them it may read the layer's own inputs. */
  readonly readsStages: readonly string[];
  /** Whether it reads the layer's own input. */
  readonly readsHidden: boolean;
}

/** What a segment's input is called that holds a stage: not the stage's own name, which is an output's. */
export const givenName = (stage: string): string => `given ${stage}`;

/**
 * The segments between the stages that are there, in order.
 * @param available full names of the stages that a dump holds.
 * @param hasHidden whether it holds the layer's input.
 */
export function segmentsOf(
  config: BertConfig,
  layer: number,
  available: ReadonlySet<string>,
  hasHidden: boolean,
): { readonly segments: Segment[]; readonly skipped: ReadonlyMap<string, string> } {
  const segments: Segment[] = [];
  const skipped = new Map<string, string>();
  const program = layerProgramWithKeys(config, layer);
  // One input for each stage, whoever reads it: the segments can also be run together, as one program.
  const inputs = new Map(
    [...program.outputs].map(([name, { shape }]) => [name, input(givenName(name), shape, "real")]),
  );
  for (const kind of layerStages) {
    const stage = stageName(layer, kind);
    if (!available.has(stage)) continue;
    const segment = cut(program, stage, kind, available, inputs);
    if (segment.readsHidden && !hasHidden) skipped.set(stage, "hidden_states is not in the dump");
    else segments.push(segment);
  }
  return { segments, skipped };
}

function cut(
  program: Program,
  stage: string,
  kind: LayerStage,
  available: ReadonlySet<string>,
  stageInputs: ReadonlyMap<string, Value>,
): Segment {
  const names = new Map([...program.outputs].map(([name, value]) => [value, name]));
  const outputs = new Map<string, Value>();
  rewrite(selectOutputs(program, [stage]), (value, original) => {
    const name = names.get(original);
    if (name === undefined) return value;
    if (name !== stage && available.has(name)) return stageInputs.get(name) ?? value;
    outputs.set(name, value);
    return value;
  });
  // What lies before a stage that is there was visited too, and is nobody's business here.
  const whole: Program = { outputs };
  const needed = new Set(computeOrder(selectOutputs(whole, [stage])));
  const piece: Program = { outputs: new Map([...outputs].filter(([, value]) => needed.has(value))) };
  const reads = [...inputsOf(computeOrder(piece)).keys()];
  return {
    stage,
    kind,
    program: piece,
    readsStages: [...available].filter((name) => reads.includes(givenName(name))),
    readsHidden: reads.includes("hidden_states") || reads.includes("key_states"),
  };
}
