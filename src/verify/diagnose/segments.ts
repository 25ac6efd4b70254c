/**
 * Cuts a layer into the segments that a dump can judge separately.
 *
 * A *segment* is a program that computes one dumped stage from dumped stages before it (and the layer's input). A deviation
 * shows in the segment that contains it, unaffected by earlier ones. In a dump of every stage a segment has one or two
 * operations; in a dump of the output alone it is the whole layer.
 */
import { layerProgramWithKeys, layerStagesOf, type ModelConfig, stageName } from "../../architectures/index.ts";
import { inputsOf } from "../../program/bind.ts";
import { input } from "../../program/build.ts";
import { computeOrder } from "../../program/order.ts";
import { type Program, selectOutputs, type Value } from "../../program/program.ts";
import { rewrite } from "../../rewrites/rewrite.ts";

export interface Segment {
  /** The full name of the stage it computes. */
  readonly stage: string;
  readonly kind: string;
  /** Its outputs are that stage and the intermediate ones: those that an implementation stores. */
  readonly program: Program;
  /** The full names of the stages it reads. */
  readonly readsStages: readonly string[];
  /** Whether it reads the layer's input. */
  readonly readsHidden: boolean;
}

/** The name of a segment's input that holds a stage; the stage's own name is that of an output. */
export const givenName = (stage: string): string => `given ${stage}`;

/**
 * The segments between available stages, in order.
 * @param available full names of the dumped stages.
 * @param hasHidden whether the layer's input is dumped.
 */
export function segmentsOf(
  config: ModelConfig,
  layer: number,
  available: ReadonlySet<string>,
  hasHidden: boolean,
): { readonly segments: Segment[]; readonly skipped: ReadonlyMap<string, string> } {
  const segments: Segment[] = [];
  const skipped = new Map<string, string>();
  const program = layerProgramWithKeys(config, layer);
  // All segments share one input per stage, so that they can be run together as one program.
  const inputs = stageInputs(program);
  for (const kind of layerStagesOf(config)) {
    const stage = stageName(layer, kind);
    if (!available.has(stage)) continue;
    const segment = cut(program, stage, kind, available, inputs);
    if (segment.readsHidden && !hasHidden) skipped.set(stage, "hidden_states is not in the dump");
    else segments.push(segment);
  }
  return { segments, skipped };
}

/**
 * The segment of a stage that is dumped at another point of the layer (`dump-points.ts`).
 * @param program the layer's, by `layerProgramWithKeys`.
 */
export function segmentAt(program: Program, stage: string, value: Value, available: ReadonlySet<string>): Segment {
  // Last, so that a value which is also another stage's has this name.
  const outputs = new Map([...program.outputs].filter(([name]) => name !== stage)).set(stage, value);
  return cut({ outputs }, stage, kindOf(stage), available, stageInputs(program));
}

/** `query` of `layer.0.query`. */
export const kindOf = (stage: string): string => stage.slice(stage.lastIndexOf(".") + 1);

const stageInputs = ({ outputs }: Program): ReadonlyMap<string, Value> =>
  new Map([...outputs].map(([name, { shape }]) => [name, input(givenName(name), shape, "real")]));

function cut(
  program: Program,
  stage: string,
  kind: string,
  available: ReadonlySet<string>,
  given: ReadonlyMap<string, Value>,
): Segment {
  const names = new Map([...program.outputs].map(([name, value]) => [value, name]));
  const outputs = new Map<string, Value>();
  rewrite(selectOutputs(program, [stage]), (value, original) => {
    const name = names.get(original);
    if (name === undefined) return value;
    if (name !== stage && available.has(name)) return given.get(name) ?? value;
    outputs.set(name, value);
    return value;
  });
  // Stages before an available one were visited too, and are not part of the segment.
  const needed = new Set(computeOrder(selectOutputs({ outputs }, [stage])));
  const segment: Program = { outputs: new Map([...outputs].filter(([, value]) => needed.has(value))) };
  const reads = [...inputsOf(computeOrder(segment)).keys()];
  return {
    stage,
    kind,
    program: segment,
    readsStages: [...available].filter((name) => reads.includes(givenName(name))),
    readsHidden: reads.includes("hidden_states") || reads.includes("key_states"),
  };
}
