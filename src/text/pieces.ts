/**
 * Cuts a text into pieces that are normalised and tokenised one after the other, which bounds the memory of normalizers
 * and lets the event loop run in between.
 *
 * A cut is made between a character and white space, where it changes nothing if a word begins there whatever stands
 * before. Whether one does depends on what the normalizer makes of the two characters, so each cut is checked in the
 * normalised piece; if it fails, the piece is made longer. Without white space, or without a pre-tokenizer that separates
 * words at it, a text is one piece.
 *
 * Must stay true: tokenising in pieces gives what tokenising at once gives; time is linear in the text.
 */
import type { AddedToken } from "./added-tokens.ts";
import { type AlignedText, alignedText, lengthAt } from "./aligned-text.ts";
import type { Normalizer } from "./normalizers/normalizer.ts";
import type { PreTokenizer } from "./pre-tokenizers/pre-tokenizer.ts";

const PIECE_LENGTH = 1 << 14;
const WHITE_SPACE = /\p{White_Space}/u;

interface Stretch {
  /** The bounds of what may be cut. */
  readonly from: number;
  readonly to: number;
  /** Where the piece begins. */
  readonly start: number;
}

interface Piece {
  /** Normalised. */
  readonly piece: AlignedText;
  /** Where it ends in the text. */
  readonly end: number;
}

export class PieceCutter {
  readonly #normalizer: Normalizer | undefined;
  /** For the first character of a piece; null if a text must not be cut. */
  readonly #boundary: RegExp | null;
  readonly #cutsAtLines: boolean;

  /** @param patterns of the added tokens that are matched in the normalised text. */
  constructor(
    normalizer: Normalizer | undefined,
    preTokenizer: PreTokenizer | undefined,
    patterns: readonly (readonly [pattern: string, token: AddedToken])[],
  ) {
    this.#normalizer = normalizer;
    const mayMatchSpaces = patterns.some(([pattern, { lstrip, rstrip }]) => {
      return lstrip || rstrip || WHITE_SPACE.test(pattern);
    });
    const mayCut = !mayMatchSpaces && normalizer?.needsWholeText !== true;
    this.#boundary = mayCut ? (preTokenizer?.boundary ?? null) : null;
    this.#cutsAtLines = this.#boundary?.test("\n") === true;
  }

  /** The normalised piece of text[from, to) that begins at `start`. */
  cut(text: string, { from, to, start }: Stretch): Piece {
    for (let length = PIECE_LENGTH; ; length *= 2) {
      const end = this.#boundary === null ? to : this.#endOfPiece(text, start + length, to);
      const atEnd = end === to;
      // Before the piece is normalised, whose bounds are valid only until the next call.
      if (!atEnd && !this.#beginsWord(text, end, to)) continue;
      const aligned = alignedText(text, start, end);
      const piece = this.#normalizer?.normalize(aligned, { atStart: start === from, atEnd }) ?? aligned;
      if (atEnd || endsWord(piece, end)) return { piece, end };
    }
  }

  /** The first place from `from` on where a piece may end. */
  #endOfPiece(text: string, from: number, to: number): number {
    for (let at = from; at < to; at++) {
      const unit = text.charCodeAt(at);
      const isSpace = unit === 0x20 || (this.#cutsAtLines && (unit === 0x0a || unit === 0x0d || unit === 0x09));
      if (isSpace && !WHITE_SPACE.test(text.charAt(at - 1))) return at;
    }
    return to;
  }

  /** Whether a word begins at `start` of what is normalised, which is white space. */
  #beginsWord(text: string, start: number, to: number): boolean {
    let end = start;
    while (end < to && WHITE_SPACE.test(text.charAt(end))) end++;
    if (end < to) end += lengthAt(text, end);
    const next = alignedText(text, start, end);
    const normalized = this.#normalizer?.normalize(next, { atStart: false, atEnd: end === to }) ?? next;
    return this.#boundary?.test(normalized.text) === true;
  }
}

/** Whether the last character before `end` is still there, and no white space. */
function endsWord({ text, ends }: AlignedText, end: number): boolean {
  const last = text.length - 1;
  return last >= 0 && ends[last] === end && !WHITE_SPACE.test(text.charAt(last));
}
