/**
 * Packs a batch: the tokens of all sequences one after another, in place of rows padded to the longest.
 *
 * `[batch, sequence, …]` becomes `[tokens, …]`, so that a padding token is never computed, and a batch of any lengths has
 * the shape of one long sequence. Every operation of BERT works on each token alone except attention, where a token may
 * see only its own sequence: the mask of keys becomes `sequence_ids[query] = sequence_ids[key]`. A sequence's id is the
 * index of its first token among all, by which a kernel also knows where its keys begin.
 *
 * Applies when `batch` is the first axis wherever it occurs, and sequence positions meet only in a softmax and the
 * weighted sum after it. Does not apply to a program with separate `keys`, or that is given attention probabilities: the
 * result is then `undefined`, and the program is run as it is, padding and all.
 *
 * Must stay true: at real positions the packed program computes what the padded one does.
 */
import { elementwise, equal, gather, input, matmul, reduce, reshape, slice, transpose } from "../program/build.ts";
import { maskedSoftmax } from "../program/layers.ts";
import { computeOrder } from "../program/order.ts";
import { matchSoftmax } from "../program/patterns.ts";
import type { Extent, Operation, Program, Shape, Value } from "../program/program.ts";
import { isAttentionMask } from "./assume-unmasked.ts";
import { carryObserved } from "./rewrite.ts";

/** The input that says which sequence a token belongs to: the index of the sequence's first token, [tokens]. */
export const sequenceIds = "sequence_ids";

/** @returns the packed program, or `undefined` where packing does not apply. */
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
  /** What cannot be packed is missing here, which matters only if something needs it. */
  readonly packed = new Map<Value, Value>();
  readonly #ids = input(sequenceIds, ["tokens"], "integer");
  readonly #masks = new Map<number, Value>();
  /** Weights that are zero at the positions of other sequences. */
  readonly #softmaxes = new Set<Value>();

  /** Operands come first. */
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

  /** In place of the mask of keys, if there was one, that of the query's own sequence. */
  #packSoftmax(value: Value): Value | undefined {
    const softmax = value.shape.at(-1) === "sequence" ? matchSoftmax(value) : undefined;
    if (softmax === undefined) return undefined;
    if (softmax.mask !== undefined && !isAttentionMask(softmax.mask)) throw new NotPackable();
    this.#softmaxes.add(value);
    return maskedSoftmax(this.#of(softmax.scores), this.#sameSequence(value.shape.length - 1));
  }

  #rebuild({ operation, type }: Value, shape: Shape): Value {
    switch (operation.kind) {
      case "input":
        return input(operation.name, shape, type);
      case "gather":
        return gather(this.#of(operation.table), this.#of(operation.indices));
      case "elementwise":
        return elementwise(operation.function, ...operation.operands.map((operand) => this.#of(operand)));
      case "matmul":
        if (!this.#mayBeSummed(operation)) throw new NotPackable();
        return matmul(this.#of(operation.left), this.#of(operation.right));
      case "transpose":
        return transpose(this.#of(operation.operand), withoutBatch(operation.permutation));
      case "reshape":
        return reshape(this.#of(operation.operand), shape);
      case "slice":
        return slice(this.#of(operation.operand), operation.axis - 1, operation.start, operation.end);
      case "reduce":
        if (operation.operand.shape.at(-1) === "sequence") throw new NotPackable();
        return reduce(operation.function, this.#of(operation.operand));
      default:
        throw new NotPackable();
    }
  }

  #mayBeSummed({ left }: Extract<Operation, { kind: "matmul" }>): boolean {
    return left.shape.at(-1) !== "sequence" || this.#softmaxes.has(left);
  }

  #of(value: Value): Value {
    const packed = this.packed.get(value);
    if (packed === undefined) throw new NotPackable();
    return packed;
  }

  /** [1, …, tokens, tokens]: which keys a query may see. One value, whoever asks. */
  #sameSequence(rank: number): Value {
    const leading = Array.from({ length: rank - 2 }, () => 1);
    const known = this.#masks.get(rank);
    if (known !== undefined) return known;
    const mask = equal(reshape(this.#ids, [...leading, "tokens", 1]), reshape(this.#ids, [...leading, 1, "tokens"]));
    this.#masks.set(rank, mask);
    return mask;
  }
}

/** Without the batch, every sequence axis counting tokens; `undefined` for a shape that no batch can change. */
function packedShape(shape: Shape): Shape | undefined {
  if (shape.every((extent) => typeof extent === "number")) return undefined;
  if (shape[0] !== "batch" || !shape.includes("sequence") || shape.includes("keys")) throw new NotPackable();
  return shape.slice(1).map((extent): Extent => (extent === "sequence" ? "tokens" : extent));
}

function withoutBatch(permutation: readonly number[]): number[] {
  if (permutation[0] !== 0) throw new NotPackable();
  return permutation.slice(1).map((axis) => axis - 1);
}
