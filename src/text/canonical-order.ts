/**
 * The order of combining marks in NFD, for the few marks that `strip_accents` leaves in the text.
 *
 * NFD sorts the marks after a letter by combining class. Nearly all of them are then stripped; the 83 that stay (viramas
 * of South-East Asia, Adlam, Glagolitic, musical notation) are sorted here. The engine's own `normalize` over a whole text
 * would do it too, but takes time quadratic in the length of a run of marks.
 *
 * Offsets are left where they are: as in the Rust tokenizer, the first mark of the sorted run belongs to the first
 * character of the original run.
 */
import { characterClasses, codePointsOf, isSurrogate, REORDERED } from "./characters.ts";
import { REORDERED as REORDERED_RANGES } from "./unicode-tables.ts";

let ranks: Map<number, number> | undefined;

/** Each mark's place in the order; marks of one class, which keep the order they were written in, have the same. */
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

/** Combining classes are not to be had from JavaScript, but the order they make is. */
function compareByClass(left: number, right: number): number {
  if (left === right) return 0;
  if (swaps(left, right)) return 1;
  return swaps(right, left) ? -1 : 0;
}

function swaps(left: number, right: number): boolean {
  const written = String.fromCodePoint(left, right);
  return written.normalize("NFD") !== written;
}

/** Sorts every run of such marks in place. A sort of each run, so slightly more than linear in its length. */
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
