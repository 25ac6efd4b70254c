/**
 * A pre-tokenizer: splits a normalised text into words, of which no token crosses the bounds. One file a kind;
 * `files/pre-tokenizers.ts` lists them by the name that tokenizer.json has for them.
 */
import type { AlignedText } from "../aligned-text.ts";

/** Takes the word `word.text.slice(from, to)`, which is not empty. The word's bounds are valid only during the call. */
export type VisitWord = (word: AlignedText, from: number, to: number) => void;

export interface PreTokenizer {
  /** Calls `visit` with each word of the part [from, to) of a text, in order. */
  split(text: AlignedText, from: number, to: number, visit: VisitWord): void;
  /**
   * Whether a word always begins before a match, so that a long text may be cut there: a regular expression for the
   * character after the cut, which follows one that is no white space. Null: nowhere. Absent: it never joins what others
   * separate, and separates no white space itself.
   */
  readonly boundary?: RegExp | null;
}

export const WHITE_SPACE_BOUNDARY = /^\p{White_Space}/u;

/** Each member splits the words of the one before it. */
export class SequencePreTokenizer implements PreTokenizer {
  readonly boundary: RegExp | null;
  readonly #members: readonly PreTokenizer[];

  constructor(members: readonly PreTokenizer[]) {
    this.#members = members;
    this.boundary = members.find(({ boundary }) => boundary !== undefined)?.boundary ?? null;
  }

  split(text: AlignedText, from: number, to: number, visit: VisitWord): void {
    const through = this.#members.reduceRight<VisitWord>((next, member) => {
      return (word, start, end) => member.split(word, start, end, next);
    }, visit);
    if (from < to) through(text, from, to);
  }
}
