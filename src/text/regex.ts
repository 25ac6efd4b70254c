/**
 * Regular expressions that tokenizers match with, whatever they were made from.
 *
 * Must stay true: matches are those of Oniguruma and of Rust's regular expressions, whose Unicode is 16.
 */
import { rangesToClass } from "./characters.ts";
import { NEW_IN_17 } from "./unicode-tables.ts";

/** Matches `text` itself. */
export function literalPattern(text: string): RegExp {
  return new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "gu");
}

/** The bounds of all matches. As in Oniguruma, an empty one directly after another match is none. */
export function* matchesOf(pattern: RegExp, text: string): Generator<readonly [start: number, end: number]> {
  if (text === "") return;
  let lastEnd = -1;
  for (const match of text.matchAll(pattern)) {
    const end = match.index + match[0].length;
    if (match[0] === "" && end === lastEnd) continue;
    lastEnd = end;
    yield [match.index, end];
  }
}

const newer = `[${rangesToClass(NEW_IN_17)}]`;
/** A set without the characters that are newer than Unicode 16, for the flag `v`. */
export const known = (content: string): string => `[[${content}]--${newer}]`;
/** A set and all newer characters. */
export const unknownOr = (content: string): string => `[${content}${newer}]`;
/** The characters that \w is in Rust's own regular expressions, for the flag `v`. */
export const RUST_WORD = known("\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}");
