/**
 * BertPreTokenizer: splits text into words. White space separates words and is dropped; each punctuation character is a
 * word.
 *
 * Must stay true: the words are in order, do not overlap, and cover everything but white space.
 */
import { characterClasses, isSurrogate, PUNCTUATION, WHITE_SPACE } from "./characters.ts";

/** Calls `visit` with the bounds of each word of text[from, to), in UTF-16 code units. */
export function forEachWord(text: string, from: number, to: number, visit: (start: number, end: number) => void): void {
  const classes = characterClasses();
  let start = from;
  for (let at = from; at < to; ) {
    const unit = text.charCodeAt(at);
    const codePoint = isSurrogate(unit) ? (text.codePointAt(at) as number) : unit;
    const end = at + (codePoint > 0xffff ? 2 : 1);
    const flags = (classes[codePoint] as number) & (WHITE_SPACE | PUNCTUATION);
    if (flags !== 0) {
      if (start < at) visit(start, at);
      if ((flags & PUNCTUATION) !== 0) visit(at, end);
      start = end;
    }
    at = end;
  }
  if (start < to) visit(start, to);
}
