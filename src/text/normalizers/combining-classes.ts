/**
 * Canonical combining classes: the order in which Unicode's normal forms put the marks after a letter.
 *
 * JavaScript does not expose the classes, but NFD shows how two marks compare. So a mark is compared with one
 * representative of each class.
 *
 * Must stay true: only marks of `MARK` have a class; the tokenizer's Unicode is older than the engine's.
 */
import { characterClasses, MARK } from "../characters.ts";

/** One mark of each class, ascending. */
const REPRESENTATIVES = (
  "334 93c 3099 94d 5b0 5b1 5b2 5b3 5b4 5b5 5b6 5b7 5b8 5b9 5bb 5bc 5bd 5bf 5c1 5c2 fb1e 64b 64c 64d 618 619 61a " +
  "651 652 670 711 c55 c56 e38 e48 eb8 ec8 f71 f72 f74 321 1dce 31b 302a 316 59a 302e 1d16d 5ae 300 315 35c 35d 345"
)
  .split(" ")
  .map((code) => Number.parseInt(code, 16));

const ranks = new Map<number, number>();

/** Marks compare by rank as by combining class; 0 means that there is none: the character begins a sequence. */
export function combiningRank(codePoint: number): number {
  if (((characterClasses()[codePoint] as number) & MARK) === 0) return 0;
  let rank = ranks.get(codePoint);
  if (rank === undefined) {
    rank = isOrdered(codePoint) ? findRank(codePoint) : 0;
    ranks.set(codePoint, rank);
  }
  return rank;
}

function isOrdered(mark: number): boolean {
  const first = REPRESENTATIVES[0] as number;
  const last = REPRESENTATIVES.at(-1) as number;
  return swaps(mark, first) || swaps(last, mark);
}

function findRank(mark: number): number {
  let [low, high] = [0, REPRESENTATIVES.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (swaps(mark, REPRESENTATIVES[middle] as number)) low = middle + 1;
    else high = middle;
  }
  return low + 1;
}

function swaps(left: number, right: number): boolean {
  const written = String.fromCodePoint(left, right);
  return written.normalize("NFD") !== written;
}
