/**
 * BertPreTokenizer: splits text into words. White space separates words and is dropped; each punctuation character is a
 * word.
 *
 * Must stay true: the words are in order, do not overlap, and cover everything but white space.
 */
import type { AlignedText } from "../aligned-text.ts";
import { characterClasses, isSurrogate, PUNCTUATION, WHITE_SPACE } from "../characters.ts";
import { type PreTokenizer, type VisitWord, WHITE_SPACE_BOUNDARY } from "./pre-tokenizer.ts";

export class BertPreTokenizer implements PreTokenizer {
  readonly boundary = WHITE_SPACE_BOUNDARY;
  readonly #classes = characterClasses();

  split(input: AlignedText, from: number, to: number, visit: VisitWord): void {
    const { text } = input;
    let start = from;
    for (let at = from; at < to; ) {
      const unit = text.charCodeAt(at);
      const codePoint = isSurrogate(unit) ? (text.codePointAt(at) as number) : unit;
      const end = at + (codePoint > 0xffff ? 2 : 1);
      const flags = (this.#classes[codePoint] as number) & (WHITE_SPACE | PUNCTUATION);
      if (flags !== 0) {
        if (start < at) visit(input, start, at);
        if ((flags & PUNCTUATION) !== 0) visit(input, at, end);
        start = end;
      }
      at = end;
    }
    if (start < to) visit(input, start, to);
  }
}
