/**
 * A segment with its numbers: what the interpreter needs to ask "what if the kernel did this instead?", and what rounding
 * would do to the answer.
 *
 * Output rows are sampled. A deviation shows in every row, so a few dozen tell as much as all, and a whole layer of
 * BERT-base costs a tenth; keys are never sampled, since each row attends to all of them. What the diagnosis finds is
 * confirmed on all rows afterwards.
 *
 * Must stay true: only real positions are looked at; the original program is evaluated once and what a deviation leaves
 * untouched is taken from there.
 */

import type { LayerStage } from "../../architectures/bert/layer-program.ts";
import { interpret } from "../../engines/reference/interpret.ts";
import type { Strided } from "../../engines/reference/strided.ts";
import { constant, multiply } from "../../program/build.ts";
import { computeOrder } from "../../program/order.ts";
import { type Program, selectOutputs, type Value } from "../../program/program.ts";
import { rewrite } from "../../rewrites/rewrite.ts";
import { toFloat64 } from "../../tensor/half.ts";
import { elementCount, type Tensor } from "../../tensor/tensor.ts";
import { type LayerInputs, realPositions } from "../layer/layer-inputs.ts";
import { compute } from "../layer/layer-under-test.ts";
import { type Precision, unitRoundoff } from "../layer/precision.ts";
import { required } from "../layer/required.ts";
import { givenName, type Segment } from "./segments.ts";
import { unround } from "./unround.ts";

/** Output rows a diagnosis looks at, over the whole batch. */
const sampledRows = 96;

export interface ProblemData {
  readonly inputs: LayerInputs | undefined;
  /** The stages of the candidate, by full name. */
  readonly stages: ReadonlyMap<string, Tensor>;
  /** The layer's parameters, by canonical name. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly attentionMask: Tensor<"i32">;
  readonly precision: Precision;
}

export class Problem {
  readonly segment: Segment;
  /** The candidate's elements, those that do not count replaced by zero; with `counted` their number. */
  readonly target: Float64Array;
  readonly #ignored: Uint8Array;
  readonly #precision: Precision;
  readonly #inputs: ReadonlyMap<string, Tensor>;
  readonly #parameters: ReadonlyMap<string, Tensor>;
  readonly #original = new Map<Value, Strided>();
  #broken = 0;

  static async create(segment: Segment, data: ProblemData, signal?: AbortSignal): Promise<Problem> {
    const problem = new Problem(segment, data);
    await problem.#ignoreNonFinite(signal);
    return problem;
  }

  private constructor(segment: Segment, data: ProblemData) {
    const { attentionMask } = data;
    const rows = sampleRows(attentionMask, canSample(segment));
    const target = sampleStage(segment.kind, required(data.stages.get(segment.stage)), rows);
    this.segment = segment;
    this.#precision = data.precision;
    this.#ignored = ignoredElements(segment.kind, target.shape, attentionMask, rows);
    this.target = target.data.slice();
    this.#parameters = data.parameters;
    this.#inputs = sampledInputs(segment, data, rows);
  }

  /** A NaN among the inputs makes NaN of what depends on it; there is nothing to compare then. */
  async #ignoreNonFinite(signal: AbortSignal | undefined): Promise<void> {
    const original = await this.evaluate(this.segment.program, signal);
    for (const [index, value] of original.entries()) {
      const canCompare = Number.isFinite(value) && Number.isFinite(this.target[index]);
      if (this.#ignored[index] === 0 && Number.isFinite(value) && !canCompare) this.#broken++;
      if (!canCompare) this.#ignored[index] = 1;
      if (this.#ignored[index] !== 0) this.target[index] = 0;
    }
  }

  get counted(): number {
    return this.#ignored.reduce((count, ignored) => count + (ignored === 0 ? 1 : 0), 0);
  }

  /** Elements that are not finite though the original's operations on the same inputs are. */
  get broken(): number {
    return this.#broken;
  }

  /** Whether all elements are equal, as in a buffer that was never written: such a target tells no causes apart. */
  get isUniform(): boolean {
    const counting = this.target.filter((_, index) => this.#ignored[index] === 0);
    return counting.every((value) => value === counting[0]);
  }

  /** The segment's output under a rewritten program, with zeros where elements do not count. */
  async evaluate(program: Program, signal?: AbortSignal): Promise<Float64Array> {
    const isOriginal = program === this.segment.program;
    const wanted = selectOutputs(program, [this.segment.stage]);
    const outputs = await interpret(wanted, this.#parameters, this.#inputs, {
      reuse: this.#original,
      ...(isOriginal && { keep: this.#original }),
      ...(signal && { signal }),
    });
    return this.#counting(required(outputs.get(this.segment.stage)));
  }

  /** What an ordinary implementation of the precision makes of a program: its rounding, and that of what it read. */
  async evaluateRounded(program: Program, signal?: AbortSignal): Promise<Float64Array> {
    const unrounded = new Map(
      [...this.#inputs].map(([name, tensor]) => {
        return [name, this.#isGiven(name) ? unround(tensor, this.#precision) : tensor] as const;
      }),
    );
    const outputs = await compute(program, this.#parameters, unrounded, { precision: this.#precision, signal });
    return this.#counting(required(outputs.get(this.segment.stage)));
  }

  /**
   * The program with one of the values that rounding touches a unit roundoff larger, for each of them. Kernels that round
   * toward zero when they store, or whose sums lose small terms, scale a stage by about that much: it is an error of the
   * precision, but unlike other rounding it points one way, and may point where a deviation does.
   */
  gains(program: Program): Program[] {
    const touched = new Set(program.outputs.values());
    for (const value of computeOrder(program)) {
      if (value.operation.kind === "input" && this.#isGiven(value.operation.name)) touched.add(value);
    }
    const gain = constant(1 + unitRoundoff[this.#precision]);
    return [...touched].map((place) =>
      rewrite(program, (value, original) => (original === place ? multiply(value, gain) : value)),
    );
  }

  #isGiven(name: string): boolean {
    return this.segment.readsStages.some((stage) => givenName(stage) === name);
  }

  #counting({ data }: Tensor<"f64">): Float64Array {
    return data.map((value, index) => (this.#ignored[index] === 0 ? value : 0));
  }
}

/** A piece that starts from query and key may have to exchange them, so it needs all rows of both. */
function canSample({ readsStages }: Segment): boolean {
  return !readsStages.some((name) => name.endsWith(".query") || name.endsWith(".key"));
}

/**
 * For each row of the batch the same number of its real positions, spread evenly (repeated where it has fewer); without
 * sampling every position, padding included, so that queries and keys stay the same.
 */
function sampleRows(attentionMask: Tensor<"i32">, sampling: boolean): number[][] {
  const [batch = 0, sequence = 0] = attentionMask.shape;
  if (!sampling) return Array.from({ length: batch }, () => Array.from({ length: sequence }, (_, index) => index));
  const real = realPositions({ attentionMask });
  const longest = Math.max(...real.map((positions) => positions.length));
  const count = Math.min(longest, Math.max(1, Math.floor(sampledRows / real.length)));
  return real.map((positions) => {
    return Array.from({ length: count }, (_, index) => positions[Math.floor((index * positions.length) / count)] ?? 0);
  });
}

/** Stages whose rows are keys; they are needed whole. */
const isKeySide = (kind: LayerStage): boolean => kind === "key" || kind === "value";

function sampleStage(kind: LayerStage, tensor: Tensor, rows: readonly number[][]): Tensor<"f64"> {
  const data = toFloat64(tensor);
  if (isKeySide(kind)) return { dtype: "f64", shape: tensor.shape, data };
  return gatherRows({ dtype: "f64", shape: tensor.shape, data }, rows);
}

/** Picks rows of the axis before the last: [batch, …, rows, width]. */
function gatherRows({ shape, data }: Tensor<"f64">, rows: readonly number[][]): Tensor<"f64"> {
  const [batch = 0] = shape;
  const [sequence = 0, width = 0] = shape.slice(-2);
  const heads = shape.length === 4 ? (shape[1] as number) : 1;
  const count = rows[0]?.length ?? 0;
  const sampled = new Float64Array(batch * heads * count * width);
  let to = 0;
  for (let item = 0; item < batch * heads; item++) {
    for (const row of rows[Math.floor(item / heads)] ?? []) {
      const from = (item * sequence + row) * width;
      sampled.set(data.subarray(from, from + width), to);
      to += width;
    }
  }
  return { dtype: "f64", shape: [...shape.slice(0, -2), count, width], data: sampled };
}

/**
 * Padding rows, and masked keys of the scores. Masked keys of the probabilities count: the original gives them nothing,
 * and a kernel that gives them something ignores the mask.
 */
function ignoredElements(
  kind: LayerStage,
  shape: readonly number[],
  attentionMask: Tensor<"i32">,
  rows: readonly number[][],
): Uint8Array {
  const [batch = 0, keys = 0] = attentionMask.shape;
  const isReal = (item: number, position: number) => attentionMask.data[item * keys + position] !== 0;
  const width = shape.at(-1) ?? 1;
  const height = shape.at(-2) ?? 1;
  const rowsPerItem = elementCount(shape) / batch / width;
  const ignored = new Uint8Array(elementCount(shape));
  for (let index = 0; index < ignored.length; index++) {
    const row = Math.floor(index / width);
    const item = Math.floor(row / rowsPerItem);
    const position = isKeySide(kind) ? row % height : (rows[item]?.[row % height] ?? 0);
    const counts = isReal(item, position) && (kind !== "attention_scores" || isReal(item, index % width));
    ignored[index] = counts ? 0 : 1;
  }
  return ignored;
}

function sampledInputs(segment: Segment, data: ProblemData, rows: readonly number[][]): Map<string, Tensor> {
  const inputs = new Map<string, Tensor>([["attention_mask", data.attentionMask]]);
  if (segment.readsHidden && data.inputs) {
    const { hiddenStates } = data.inputs;
    inputs.set("key_states", hiddenStates);
    inputs.set("hidden_states", sampleStage("query", hiddenStates, rows));
  }
  for (const name of segment.readsStages) {
    const kind = name.split(".").at(-1) as LayerStage;
    inputs.set(givenName(name), sampleStage(kind, required(data.stages.get(name)), rows));
  }
  return inputs;
}
