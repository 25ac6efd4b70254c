/**
 * Maps an answer's first and last token to its start and end in the text.
 *
 * A token may be part of a word, its end may be inside a grapheme cluster (tokenizers drop variation selectors and the
 * accents of decomposed text), and it may begin or end with white space, or be nothing else.
 *
 * Must stay true: an answer never begins or ends inside a grapheme cluster, nor with white space.
 */
import type { Encoding } from "../text/encoding.ts";
import { Graphemes } from "../text/graphemes.ts";
import { TrimmedEdges } from "./trimmed-edges.ts";

export class AnswerEdges {
  readonly #context: Encoding;
  readonly #alignToWords: boolean;
  readonly #graphemes: Graphemes;
  readonly #trimmed: TrimmedEdges;
  /** Caches by token, for the current window. */
  readonly #starts = new Map<number, number>();
  readonly #ends = new Map<number, number>();

  /** @param alignToWords whether answers are first widened to whole words. */
  constructor(context: Encoding, alignToWords: boolean) {
    this.#context = context;
    this.#alignToWords = alignToWords;
    this.#graphemes = new Graphemes(context.text);
    this.#trimmed = new TrimmedEdges(context.text, this.#graphemes);
  }

  /** The start of an answer that begins with this token, in UTF-16 code units; beyond its end in white space alone. */
  startOf(token: number): number {
    const known = this.#starts.get(token);
    if (known !== undefined) return known;
    const { words, starts } = this.#context;
    let first = token;
    while (this.#alignToWords && first > 0 && words[first - 1] === words[token]) first--;
    const start = this.#trimmed.after(this.#graphemes.startBefore(starts[first] as number));
    this.#starts.set(token, start);
    return start;
  }

  /** The exclusive end of an answer that ends with this token, in UTF-16 code units. */
  endOf(token: number): number {
    const known = this.#ends.get(token);
    if (known !== undefined) return known;
    const { words, ends } = this.#context;
    let last = token;
    while (this.#alignToWords && last + 1 < words.length && words[last + 1] === words[token]) last++;
    const end = this.#trimmed.before(this.#graphemes.endAfter(ends[last] as number));
    this.#ends.set(token, end);
    return end;
  }

  /** Clears the caches, so that memory does not grow with the text. */
  clear(): void {
    this.#starts.clear();
    this.#ends.clear();
  }
}
