/**
 * The merges of byte-pair encoding: for a pair of neighbouring tokens, the rank of the merge and the token it makes. A
 * hash table in typed arrays: a Map would need a string or a number beyond 32 bits for every pair.
 *
 * Must stay true: of equal pairs the last one counts, as in Rust; a look-up allocates nothing.
 */
import { CheckpointError, GET_AGAIN } from "../../errors.ts";

export type Merge = readonly [left: string, right: string];

export class Merges {
  readonly #mask: number;
  /** By slot: the pair, or -1; the merge's rank; the new token. */
  readonly #left: Int32Array;
  readonly #right: Int32Array;
  readonly #ranks: Int32Array;
  readonly #results: Int32Array;

  /**
   * @param prefix of tokens that do not begin a word; a merge drops it from the right one.
   * @param name of the file, for errors.
   * @throws CheckpointError if a merge takes or makes a token that the vocabulary does not have.
   */
  constructor(merges: readonly Merge[], vocabulary: ReadonlyMap<string, number>, prefix: string, name: string) {
    const slots = 2 ** Math.ceil(Math.log2(merges.length * 2 + 2));
    this.#mask = slots - 1;
    this.#left = new Int32Array(slots).fill(-1);
    this.#right = new Int32Array(slots);
    this.#ranks = new Int32Array(slots);
    this.#results = new Int32Array(slots);
    for (const [rank, [left, right]] of merges.entries()) {
      const leftId = vocabulary.get(left);
      const rightId = vocabulary.get(right);
      const result = vocabulary.get(left + right.slice(prefix.length));
      if (leftId === undefined || rightId === undefined || result === undefined) {
        throw unknownToken([left, right, left + right.slice(prefix.length)], vocabulary, rank, name);
      }
      const slot = this.#slotOf(leftId, rightId);
      this.#left[slot] = leftId;
      this.#right[slot] = rightId;
      this.#ranks[slot] = rank;
      this.#results[slot] = result;
    }
  }

  /** Where the pair's merge is, for `rankAt` and `resultAt`; -1 if there is none. */
  find(left: number, right: number): number {
    const slot = this.#slotOf(left, right);
    return this.#left[slot] === -1 ? -1 : slot;
  }

  /** Lower ranks are merged first. */
  rankAt(slot: number): number {
    return this.#ranks[slot] as number;
  }

  resultAt(slot: number): number {
    return this.#results[slot] as number;
  }

  /** The pair's slot, or the free one where it belongs. */
  #slotOf(left: number, right: number): number {
    let slot = (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> 0;
    slot = (slot ^ (slot >>> 15)) & this.#mask;
    while (this.#left[slot] !== -1 && !(this.#left[slot] === left && this.#right[slot] === right)) {
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }
}

function unknownToken(
  tokens: readonly string[],
  vocabulary: ReadonlyMap<string, number>,
  rank: number,
  name: string,
): CheckpointError {
  const unknown = tokens.find((token) => !vocabulary.has(token));
  return new CheckpointError({
    found: `${name}: merge ${rank + 1} needs the token ${JSON.stringify(unknown)}, which the vocabulary does not have`,
    expected: "merges of tokens of the vocabulary",
    advice: `Get the vocabulary and the merges from the same model. ${GET_AGAIN}`,
  });
}
