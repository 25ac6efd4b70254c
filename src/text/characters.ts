/**
 * Character classes: a byte of flags for each of the 1,114,112 code points, built on first use.
 *
 * Must stay true: the flags are those of `unicode-tables.ts`, on every engine.
 */
import * as tables from "./unicode-tables.ts";

export const CONTROL = 1;
export const WHITE_SPACE = 2;
export const PUNCTUATION = 4;
export const NONSPACING_MARK = 8;
export const IDEOGRAPH = 16;
export const NOT_DECOMPOSED = 32;
export const REORDERED = 64;
export const MARK = 128;

const CODE_POINTS = 0x110000;

let classes: Uint8Array | undefined;

/** Flags indexed by code point. */
export function characterClasses(): Uint8Array {
  if (classes === undefined) {
    classes = new Uint8Array(CODE_POINTS);
    // These two have all but some thousand of the code points, and none in common.
    for (const [first, last] of rangesOf(tables.CONTROL)) classes.fill(CONTROL, first, last + 1);
    for (const [first, last] of rangesOf(tables.IDEOGRAPH)) classes.fill(IDEOGRAPH, first, last + 1);
    mark(classes, tables.WHITE_SPACE, WHITE_SPACE);
    mark(classes, tables.PUNCTUATION, PUNCTUATION);
    mark(classes, tables.NONSPACING_MARK, NONSPACING_MARK);
    mark(classes, tables.NOT_DECOMPOSED, NOT_DECOMPOSED);
    mark(classes, tables.REORDERED, REORDERED);
    mark(classes, tables.MARK, MARK);
  }
  return classes;
}

function mark(flags: Uint8Array, ranges: string, flag: number): void {
  for (const [first, last] of rangesOf(ranges)) {
    for (let codePoint = first; codePoint <= last; codePoint++) flags[codePoint] = (flags[codePoint] as number) | flag;
  }
}

/** The code points of ranges in the notation of `unicode-tables.ts`. */
export function* codePointsOf(ranges: string): Generator<number> {
  for (const [first, last] of rangesOf(ranges)) {
    for (let codePoint = first; codePoint <= last; codePoint++) yield codePoint;
  }
}

/** First and last code point of each range. */
function rangesOf(ranges: string): (readonly [number, number])[] {
  return ranges.split(" ").map((range) => {
    const [first = "", last = first] = range.split("-");
    return [Number.parseInt(first, 16), Number.parseInt(last, 16)];
  });
}

/** The content of a regular expression's character class, for the flags `u` and `v`. */
export function rangesToClass(ranges: string): string {
  const escaped = (codePoint: number) => `\\u{${codePoint.toString(16)}}`;
  return rangesOf(ranges)
    .map(([first, last]) => (first === last ? escaped(first) : `${escaped(first)}-${escaped(last)}`))
    .join("");
}

export function isSurrogate(unit: number): boolean {
  return (unit & 0xf800) === 0xd800;
}

/** Whether a string holds no lone surrogate: whether it is text at all. */
export function isWellFormed(text: string): boolean {
  return !/\p{Cs}/u.test(text);
}
