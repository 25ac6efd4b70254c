/**
 * Canonical composition (the second half of NFC and NFKC): marks join the character before them, unless a mark of the
 * same or a higher class stands between.
 *
 * Must stay true: time is linear; no character that the tokenizer's older Unicode does not compose is made.
 */
import { codePointsOf } from "../characters.ts";
import { NOT_DECOMPOSED } from "../unicode-tables.ts";

export interface Part {
  readonly codePoint: number;
  /** Of its combining class; 0 for a character that begins a sequence. */
  readonly rank: number;
  /** As in Rust: 1 for an inserted character, 0 for one that replaces the next, -n for one that replaces n more. */
  readonly change: number;
}

const MAX_CACHED_PAIRS = 65_536;
const CODE_POINTS = 0x110000;
const composed = new Map<number, number>();
let never: ReadonlySet<number> | undefined;

/** Composes parts that are in canonical order. */
export function compose(parts: readonly Part[]): Part[] {
  const output: Part[] = [];
  let base: Part | undefined;
  /** Marks after `base` that did not join it. */
  let marks: Part[] = [];
  for (const part of parts) {
    if (base === undefined) {
      if (part.rank === 0) base = part;
      else output.push(part);
      continue;
    }
    const last = marks.at(-1);
    const isBlocked = last !== undefined && last.rank >= part.rank;
    const joined: number = isBlocked ? -1 : composeTwo(base.codePoint, part.codePoint);
    if (joined >= 0) {
      base = { codePoint: joined, rank: 0, change: base.change + part.change - 1 };
    } else if (part.rank === 0) {
      output.push(base);
      for (const mark of marks) output.push(mark);
      base = part;
      marks = [];
    } else {
      marks.push(part);
    }
  }
  if (base !== undefined) output.push(base);
  for (const mark of marks) output.push(mark);
  return output;
}

/** The one character that both are equal to, or -1. */
function composeTwo(first: number, second: number): number {
  const key = first * CODE_POINTS + second;
  let result = composed.get(key);
  if (result === undefined) {
    never ??= new Set(codePointsOf(NOT_DECOMPOSED));
    const written = String.fromCodePoint(first, second).normalize("NFC");
    const codePoint = written.codePointAt(0) as number;
    const isOne = written.length === (codePoint > 0xffff ? 2 : 1);
    result = isOne && !never.has(codePoint) ? codePoint : -1;
    if (composed.size >= MAX_CACHED_PAIRS) composed.clear();
    composed.set(key, result);
  }
  return result;
}
