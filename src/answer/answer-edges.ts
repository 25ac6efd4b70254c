/**
 * Where an answer begins and ends in the text, given its first and last token.
 *
 * A token may be a piece of a word, and its characters may be a part of what a reader takes for one: tokenizers drop the
 * accents of decomposed text, and variation selectors.
 *
 * Must stay true: an answer never begins or ends inside a grapheme cluster.
 */
import type { Encoding } from "../text/encoding.ts";
import { Graphemes } from "../text/graphemes.ts";

export class AnswerEdges {
  readonly #context: Encoding;
  readonly #alignToWords: boolean;
  readonly #graphemes: Graphemes;
  /** By token, of the neighbourhood asked for now. */
  readonly #starts = new Map<number, number>();
  readonly #ends = new Map<number, number>();

  /** @param alignToWords whether answers are widened to whole words first. */
  constructor(context: Encoding, alignToWords: boolean) {
    this.#context = context;
    this.#alignToWords = alignToWords;
    this.#graphemes = new Graphemes(context.text);
  }

  /** The first UTF-16 code unit of an answer that begins with this token. */
  startOf(token: number): number {
    const known = this.#starts.get(token);
    if (known !== undefined) return known;
    const { words, starts } = this.#context;
    let first = token;
    while (this.#alignToWords && first > 0 && words[first - 1] === words[token]) first--;
    const start = this.#graphemes.startBefore(starts[first] as number);
    this.#starts.set(token, start);
    return start;
  }

  /** The UTF-16 code unit behind an answer that ends with this token. */
  endOf(token: number): number {
    const known = this.#ends.get(token);
    if (known !== undefined) return known;
    const { words, ends } = this.#context;
    let last = token;
    while (this.#alignToWords && last + 1 < words.length && words[last + 1] === words[token]) last++;
    const end = this.#graphemes.endAfter(ends[last] as number);
    this.#ends.set(token, end);
    return end;
  }

  /** Forgets what was found, so that memory does not grow with the text. */
  clear(): void {
    this.#starts.clear();
    this.#ends.clear();
  }
}
