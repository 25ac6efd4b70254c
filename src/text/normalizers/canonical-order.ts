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
import { characterClasses, isSurrogate, REORDERED } from "../characters.ts";
import { combiningRank } from "./combining-classes.ts";

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
  run.sort((left, right) => combiningRank(left) - combiningRank(right));
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
