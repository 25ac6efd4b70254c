/** The tokens of recent words, because a text repeats its words. */
import type { Pieces } from "./token-model.ts";

/**
 * Longer words are not cached: engines copy substrings up to this length, but a longer one keeps its parent alive, so a
 * cache of those could hold a whole text in memory.
 */
const MAX_CACHED_LENGTH = 12;
const MAX_CACHED_WORDS = 32_768;

export class WordCache {
  readonly #split: (word: string) => Pieces;
  readonly #pieces = new Map<string, Pieces>();

  /** @param split must always give the same tokens for the same word. */
  constructor(split: (word: string) => Pieces) {
    this.#split = split;
  }

  /** The tokens of text[start, end). */
  piecesOf(text: string, start: number, end: number): Pieces {
    const word = text.slice(start, end);
    if (word.length > MAX_CACHED_LENGTH) return this.#split(word);
    let pieces = this.#pieces.get(word);
    if (pieces === undefined) {
      if (this.#pieces.size >= MAX_CACHED_WORDS) this.#pieces.clear();
      pieces = this.#split(word);
      this.#pieces.set(word, pieces);
    }
    return pieces;
  }
}
