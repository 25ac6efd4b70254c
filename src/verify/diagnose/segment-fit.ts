/**
 * A segment with the candidate's data, to evaluate hypotheses and rounding against the candidate's output.
 *
 * Output rows are sampled: a deviation shows in every row, and a few dozen rows reduce the cost of a layer of BERT-base to a
 * tenth. Keys are never sampled, since each row attends to all of them. The diagnosis is confirmed on all rows afterwards.
 *
 * Must stay true: only real positions are compared; the original program is evaluated once, and values that a deviation does
 * not change are reused.
 */

import { interpret } from "../../engines/reference/interpret.ts";
import type { Strided } from "../../engines/reference/strided.ts";
import { constant, multiply } from "../../program/build.ts";
import { computeOrder } from "../../program/order.ts";
import { type Program, selectOutputs, type Value } from "../../program/program.ts";
import { rewrite } from "../../rewrites/rewrite.ts";
import { toFloat64 } from "../../tensor/half.ts";
import { elementCount, type Tensor } from "../../tensor/tensor.ts";
import { indicesOf, type LayerInputs, realPositions } from "../layer/layer-inputs.ts";
import { compute } from "../layer/layer-under-test.ts";
import { type Precision, unitRoundoff } from "../layer/precision.ts";
import { required } from "../layer/required.ts";
import { givenName, kindOf, type Segment } from "./segments.ts";
import { unround } from "./unround.ts";

/** Number of output rows in a sample, over the whole batch. */
const sampledRows = 96;

export interface SegmentData {
  readonly inputs: LayerInputs | undefined;
  /** The candidate's stages, by full name. */
  readonly stages: ReadonlyMap<string, Tensor>;
  /** The layer's parameters, by canonical name. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly attentionMask: Tensor<"i32">;
  readonly precision: Precision;
}

export class SegmentFit {
  readonly segment: Segment;
  /** The candidate's sampled elements, with zeros for ignored ones. */
  readonly target: Float64Array;
  readonly #ignored: Uint8Array;
  readonly #precision: Precision;
  readonly #inputs: ReadonlyMap<string, Tensor>;
  readonly #parameters: ReadonlyMap<string, Tensor>;
  readonly #original = new Map<Value, Strided>();
  #broken = 0;

  static async create(segment: Segment, data: SegmentData, signal?: AbortSignal): Promise<SegmentFit> {
    const fit = new SegmentFit(segment, data);
    await fit.#ignoreNonFinite(signal);
    return fit;
  }

  private constructor(segment: Segment, data: SegmentData) {
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

  /** Elements that depend on a NaN of the inputs cannot be compared. */
  async #ignoreNonFinite(signal: AbortSignal | undefined): Promise<void> {
    const original = await this.evaluate(this.segment.program, signal);
    for (const [index, value] of original.entries()) {
      const canCompare = Number.isFinite(value) && Number.isFinite(this.target[index]);
      if (this.#ignored[index] === 0 && Number.isFinite(value) && !canCompare) this.#broken++;
      if (!canCompare) this.#ignored[index] = 1;
      if (this.#ignored[index] !== 0) this.target[index] = 0;
    }
  }

  /** Number of compared elements. */
  get counted(): number {
    return this.#ignored.reduce((count, ignored) => count + (ignored === 0 ? 1 : 0), 0);
  }

  /** Number of non-finite elements for which the original's operations on the same inputs give a finite result. */
  get broken(): number {
    return this.#broken;
  }

  /** Whether all elements are equal, as in a buffer that was never written: such a target cannot distinguish causes. */
  get isUniform(): boolean {
    const compared = this.target.filter((_, index) => this.#ignored[index] === 0);
    return compared.every((value) => value === compared[0]);
  }

  /** The output of a rewritten program, with zeros for ignored elements. */
  async evaluate(program: Program, signal?: AbortSignal): Promise<Float64Array> {
    const isOriginal = program === this.segment.program;
    const wanted = selectOutputs(program, [this.segment.stage]);
    const outputs = await interpret(wanted, this.#parameters, this.#inputs, {
      reuse: this.#original,
      ...(isOriginal && { keep: this.#original }),
      ...(signal && { signal }),
    });
    return this.#compared(required(outputs.get(this.segment.stage)));
  }

  /** The same by an ordinary implementation of the precision, including the rounding of its inputs. */
  async evaluateRounded(program: Program, signal?: AbortSignal): Promise<Float64Array> {
    const unrounded = new Map(
      [...this.#inputs].map(([name, tensor]) => {
        return [name, this.#isGiven(name) ? unround(tensor, this.#precision) : tensor] as const;
      }),
    );
    const outputs = await compute(program, this.#parameters, unrounded, { precision: this.#precision, signal });
    return this.#compared(required(outputs.get(this.segment.stage)));
  }

  /**
   * For each rounded value, the program with that value larger by a unit roundoff. Kernels that round toward zero when they
   * store, or whose sums lose small terms, scale a stage by about that much: an error of the precision that, unlike other
   * rounding, has one direction, which may coincide with that of a deviation.
   */
  gains(program: Program): Program[] {
    const rounded = new Set(program.outputs.values());
    for (const value of computeOrder(program)) {
      if (value.operation.kind === "input" && this.#isGiven(value.operation.name)) rounded.add(value);
    }
    const gain = constant(1 + unitRoundoff[this.#precision]);
    return [...rounded].map((scaled) =>
      rewrite(program, (value, original) => (original === scaled ? multiply(value, gain) : value)),
    );
  }

  #isGiven(name: string): boolean {
    return this.segment.readsStages.some((stage) => givenName(stage) === name);
  }

  #compared({ data }: Tensor<"f64">): Float64Array {
    return data.map((value, index) => (this.#ignored[index] === 0 ? value : 0));
  }
}

/** A deviation may exchange query and key, so a segment that reads them needs all rows of both. */
function canSample({ readsStages }: Segment): boolean {
  return !readsStages.some((name) => name.endsWith(".query") || name.endsWith(".key"));
}

/**
 * For each item of the batch the same number of real positions, spread evenly (repeated if it has fewer); without sampling
 * all positions, including padding, so that queries and keys correspond.
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

/** Stages whose rows are keys, which are never sampled. */
const isKeySide = (kind: string): boolean => kind === "key" || kind === "value" || kind === "key_rotated";

function sampleStage(kind: string, tensor: Tensor, rows: readonly number[][]): Tensor<"f64"> {
  const data = toFloat64(tensor);
  if (isKeySide(kind)) return { dtype: "f64", shape: tensor.shape, data };
  return gatherRows({ dtype: "f64", shape: tensor.shape, data }, rows);
}

/** Selects rows along the second-to-last axis of [batch, …, rows, width]. */
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
 * Ignores padding rows, and masked keys of the scores. Masked keys of the probabilities are compared: they are zero in the
 * original, and a kernel with other values ignores the mask.
 */
function ignoredElements(
  kind: string,
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

function sampledInputs(segment: Segment, data: SegmentData, rows: readonly number[][]): Map<string, Tensor> {
  const inputs = new Map<string, Tensor>([
    ["attention_mask", data.attentionMask],
    ["key_indices", indicesOf(data.attentionMask)],
    ["token_indices", { dtype: "i32", shape: [rows.length, rows[0]?.length ?? 0], data: Int32Array.from(rows.flat()) }],
  ]);
  if (segment.readsHidden && data.inputs) {
    const { hiddenStates } = data.inputs;
    inputs.set("key_states", hiddenStates);
    inputs.set("hidden_states", sampleStage("query", hiddenStates, rows));
  }
  for (const name of segment.readsStages) {
    const kind = kindOf(name);
    inputs.set(givenName(name), sampleStage(kind, required(data.stages.get(name)), rows));
  }
  return inputs;
}
