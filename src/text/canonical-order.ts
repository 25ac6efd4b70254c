/**
 * Canonical ordering of the combining marks that `strip_accents` keeps.
 *
 * NFD sorts the marks after a letter by combining class. `strip_accents` then removes nearly all of them; the 83 it
 * keeps (viramas of South-East Asia, Adlam, Glagolitic, musical notation) are sorted here. `String.normalize` over a
 * whole text takes time quadratic in the length of a run of marks.
 *
 * Offsets do not move: as in the Rust tokenizer, the first mark of the sorted run gets the offset of the first mark of
 * the original run.
 */
import { characterClasses, codePointsOf, isSurrogate, REORDERED } from "./characters.ts";
import { REORDERED as REORDERED_RANGES } from "./unicode-tables.ts";

let ranks: Map<number, number> | undefined;

/** Each mark's rank. Marks of one combining class share a rank and keep their order. */
function markRanks(): Map<number, number> {
  if (ranks === undefined) {
    const marks = [...codePointsOf(REORDERED_RANGES)].sort(compareByClass);
    ranks = new Map();
    let rank = 0;
    for (const [index, mark] of marks.entries()) {
      if (index > 0 && compareByClass(marks[index - 1] as number, mark) !== 0) rank++;
      ranks.set(mark, rank);
    }
  }
  return ranks;
}

/** JavaScript does not expose combining classes, but NFD shows how they compare. */
function compareByClass(left: number, right: number): number {
  if (left === right) return 0;
  if (swaps(left, right)) return 1;
  return swaps(right, left) ? -1 : 0;
}

function swaps(left: number, right: number): boolean {
  const written = String.fromCodePoint(left, right);
  return written.normalize("NFD") !== written;
}

/** Sorts every run of these marks in place, in O(n log n) of the run's length. */
export function orderMarks(units: Uint16Array): void {
  const classes = characterClasses();
  let run: number[] = [];
  let runStart = 0;
  for (let at = 0; at <= units.length; ) {
    const codePoint = at < units.length ? codePointIn(units, at) : -1;
    if (((classes[codePoint] ?? 0) & REORDERED) !== 0) {
      if (run.length === 0) runStart = at;
      run.push(codePoint);
    } else if (run.length > 0) {
      writeOrdered(units, runStart, run);
      run = [];
    }
    at += codePoint > 0xffff ? 2 : 1;
  }
}

function writeOrdered(units: Uint16Array, start: number, run: number[]): void {
  const order = markRanks();
  run.sort((left, right) => (order.get(left) ?? 0) - (order.get(right) ?? 0));
  let at = start;
  for (const codePoint of run) {
    const character = String.fromCodePoint(codePoint);
    for (let index = 0; index < character.length; index++) units[at++] = character.charCodeAt(index);
  }
}

function codePointIn(units: Uint16Array, at: number): number {
  const first = units[at] as number;
  if (!isSurrogate(first)) return first;
  return 0x10000 + ((first - 0xd800) << 10) + ((units[at + 1] as number) - 0xdc00);
}
