/**
 * A priority queue of merges: lowest rank first, and of equal ranks the leftmost. A binary heap of numbers.
 *
 * Must stay true: ranks are below 2^21 and positions below 2^31, so that both fit into the 53 bits of a number.
 */
const POSITIONS = 2 ** 31;
/** More merges than any vocabulary has. */
export const MAX_RANKS = 2 ** 21;

export class MergeQueue {
  #keys: Float64Array;
  #length = 0;

  /** @param capacity how many it is likely to hold; it grows. */
  constructor(capacity: number) {
    this.#keys = new Float64Array(Math.max(16, capacity));
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  push(rank: number, position: number): void {
    if (this.#length === this.#keys.length) {
      const larger = new Float64Array(this.#length * 2);
      larger.set(this.#keys);
      this.#keys = larger;
    }
    const key = rank * POSITIONS + position;
    const keys = this.#keys;
    let at = this.#length++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = keys[parent] as number;
      if (above <= key) break;
      keys[at] = above;
      at = parent;
    }
    keys[at] = key;
  }

  /** Removes the first merge, which must exist. */
  pop(): { readonly rank: number; readonly position: number } {
    const keys = this.#keys;
    const first = keys[0] as number;
    const last = keys[--this.#length] as number;
    const length = this.#length;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && (keys[child + 1] as number) < (keys[child] as number)) child++;
      if ((keys[child] as number) >= last) break;
      keys[at] = keys[child] as number;
      at = child;
    }
    keys[at] = last;
    const rank = Math.floor(first / POSITIONS);
    return { rank, position: first - rank * POSITIONS };
  }
}
