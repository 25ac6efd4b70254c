/**
 * Packs a batch: concatenates the tokens of all sequences instead of padding rows to the longest.
 *
 * `[batch, sequence, …]` becomes `[tokens, …]`, so that no padding is computed, and a batch of any lengths has the
 * shape of one long sequence. All operations of BERT are per token except attention, which must stay within a sequence:
 * the key mask becomes `sequence_ids[query] = sequence_ids[key]`, times a sliding window if there is one. A sequence's id is
 * the index of its first token, which also tells a kernel where the keys begin.
 *
 * Applies if `batch` is always the first axis, and sequence positions are combined only by a softmax and the weighted
 * sum after it. Does not apply to a program with separate `keys` or with attention probabilities as input: the result
 * is then `undefined`, and the program runs padded.
 *
 * Must stay true: at real positions the packed program equals the padded one.
 */
import {
  concatenate,
  elementwise,
  equal,
  gather,
  input,
  matmul,
  multiply,
  reduce,
  reshape,
  slice,
  take,
  transpose,
} from "../program/build.ts";
import { maskedSoftmax } from "../program/layers.ts";
import { computeOrder } from "../program/order.ts";
import { matchSoftmax } from "../program/patterns.ts";
import type { Extent, Operation, Program, Shape, Value } from "../program/program.ts";
import { isAttentionMask, maskedFactor } from "./assume-unmasked.ts";
import { carryObserved } from "./rewrite.ts";

/** Name of the input [tokens] that holds, for each token, the index of its sequence's first token. */
export const sequenceIds = "sequence_ids";

/** @returns the packed program, or `undefined` if packing does not apply. */
export function packSequences(program: Program): Program | undefined {
  const packing = new Packing();
  for (const value of computeOrder(program)) packing.visit(value);
  const outputs = new Map<string, Value>();
  for (const [name, value] of program.outputs) {
    const packed = packing.packed.get(value);
    if (packed === undefined || !packed.shape.includes("tokens")) return undefined;
    outputs.set(name, packed);
  }
  return { outputs, ...carryObserved(program, packing.packed) };
}

class NotPackable extends Error {}

class Packing {
  /** Values that cannot be packed are absent, which matters only if an output needs them. */
  readonly packed = new Map<Value, Value>();
  readonly #ids = input(sequenceIds, ["tokens"], "integer");
  readonly #masks = new Map<number, Value>();
  readonly #windows = new Map<Value, Value>();
  /** Softmaxes, which are zero at the positions of other sequences. */
  readonly #softmaxes = new Set<Value>();

  /** Operands must be visited first. */
  visit(value: Value): void {
    try {
      this.packed.set(value, this.#pack(value));
    } catch (error) {
      if (!(error instanceof NotPackable)) throw error;
    }
  }

  #pack(value: Value): Value {
    const shape = packedShape(value.shape);
    if (shape === undefined) return value;
    if (value.shape.at(-2) === 1 && isAttentionMask(value)) return this.#sameSequence(value.shape.length - 1);
    const packed = this.#packSoftmax(value) ?? this.#rebuild(value, shape);
    if (packed.shape.join() !== shape.join()) throw new NotPackable();
    return packed;
  }

  /** Replaces the key mask, if any, by the mask of the query's sequence. */
  #packSoftmax(value: Value): Value | undefined {
    const softmax = value.shape.at(-1) === "sequence" ? matchSoftmax(value) : undefined;
    if (softmax === undefined) return undefined;
    this.#softmaxes.add(value);
    return maskedSoftmax(this.#of(softmax.scores), this.#visible(softmax.mask, value.shape.length - 1));
  }

  /** The keys that each query may attend to, of those in its sequence. */
  #visible(mask: Value | undefined, rank: number): Value {
    const same = this.#sameSequence(rank);
    if (mask === undefined || isAttentionMask(mask)) return same;
    const window = maskedFactor(mask);
    if (window === undefined) throw new NotPackable();
    const known = this.#windows.get(mask) ?? multiply(same, this.#of(window));
    this.#windows.set(mask, known);
    return known;
  }

  #rebuild({ operation, type }: Value, shape: Shape): Value {
    switch (operation.kind) {
      case "input":
        return input(operation.name, shape, type);
      case "gather":
        return gather(this.#of(operation.table), this.#of(operation.indices));
      case "take":
        return take(this.#of(operation.operand), this.#of(operation.indices));
      case "elementwise":
        return elementwise(operation.function, ...operation.operands.map((operand) => this.#of(operand)));
      case "matmul":
        if (!this.#mayReduce(operation)) throw new NotPackable();
        return matmul(this.#of(operation.left), this.#of(operation.right));
      case "transpose":
        return transpose(this.#of(operation.operand), withoutBatch(operation.permutation));
      case "reshape":
        return reshape(this.#of(operation.operand), shape);
      case "slice":
        return slice(this.#of(operation.operand), operation.axis - 1, operation.start, operation.end);
      case "concatenate":
        if (shape[operation.axis - 1] === "tokens") throw new NotPackable();
        return concatenate(
          operation.operands.map((operand) => this.#of(operand)),
          operation.axis - 1,
        );
      case "reduce":
        if (operation.operand.shape.at(-1) === "sequence") throw new NotPackable();
        return reduce(operation.function, this.#of(operation.operand));
      default:
        throw new NotPackable();
    }
  }

  /** Whether the sum over K stays within a sequence. */
  #mayReduce({ left }: Extract<Operation, { kind: "matmul" }>): boolean {
    return left.shape.at(-1) !== "sequence" || this.#softmaxes.has(left);
  }

  #of(value: Value): Value {
    const packed = this.packed.get(value);
    if (packed === undefined) throw new NotPackable();
    return packed;
  }

  /** [1, …, tokens, tokens]: the keys that each query may attend to. Cached, so that it is one value. */
  #sameSequence(rank: number): Value {
    const leading = Array.from({ length: rank - 2 }, () => 1);
    const known = this.#masks.get(rank);
    if (known !== undefined) return known;
    const mask = equal(reshape(this.#ids, [...leading, "tokens", 1]), reshape(this.#ids, [...leading, 1, "tokens"]));
    this.#masks.set(rank, mask);
    return mask;
  }
}

/** Drops the batch axis and turns sequence axes into tokens; `undefined` for a shape of numbers. */
function packedShape(shape: Shape): Shape | undefined {
  if (shape.every((extent) => typeof extent === "number")) return undefined;
  if (shape[0] !== "batch" || !shape.includes("sequence") || shape.includes("keys")) throw new NotPackable();
  return shape.slice(1).map((extent): Extent => (extent === "sequence" ? "tokens" : extent));
}

function withoutBatch(permutation: readonly number[]): number[] {
  if (permutation[0] !== 0) throw new NotPackable();
  return permutation.slice(1).map((axis) => axis - 1);
}
