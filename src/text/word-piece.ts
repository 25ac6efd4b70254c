/**
 * WordPiece: greedy longest match. The first token of a word comes from the whole vocabulary, the following ones from
 * the continuation tokens (prefix `##`); a word that cannot be covered is one [UNK].
 *
 * Must stay true: a word longer than `maxInputCharsPerWord` code points is [UNK] without a search, and no candidate is
 * longer than the longest token, so time is linear in every text.
 */
import { isSurrogate } from "./characters.ts";

export interface WordPieceOptions {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly unknownId: number;
  /** `##` in every known BERT. */
  readonly continuingSubwordPrefix: string;
  /** In code points of the normalised word; 100 in every known BERT. */
  readonly maxInputCharsPerWord: number;
}

/** A word's tokens: alternating ids and ends (code units from the word's start). */
export type Pieces = readonly number[];

/**
 * Longer words are not cached: engines copy substrings up to this length, but a longer one keeps its parent alive, so a
 * cache of those could hold a whole text in memory.
 */
const MAX_CACHED_LENGTH = 12;
const MAX_CACHED_WORDS = 32_768;

interface Candidates {
  readonly ids: ReadonlyMap<string, number>;
  /** In code units. */
  readonly maxLength: number;
}

export class WordPiece {
  readonly #beginnings: Candidates;
  readonly #continuations: Candidates;
  readonly #unknownId: number;
  readonly #maxLength: number;
  readonly #cache = new Map<string, Pieces>();

  constructor({ vocabulary, unknownId, continuingSubwordPrefix, maxInputCharsPerWord }: WordPieceOptions) {
    const continuations = new Map<string, number>();
    for (const [token, id] of vocabulary) {
      if (token.startsWith(continuingSubwordPrefix)) continuations.set(token.slice(continuingSubwordPrefix.length), id);
    }
    this.#beginnings = { ids: vocabulary, maxLength: maxLengthOf(vocabulary) };
    this.#continuations = { ids: continuations, maxLength: maxLengthOf(continuations) };
    this.#unknownId = unknownId;
    this.#maxLength = maxInputCharsPerWord;
  }

  /** Tokenises the word text[start, end). */
  tokenize(text: string, start: number, end: number): Pieces {
    if (this.#isTooLong(text, start, end)) return [this.#unknownId, end - start];
    const word = text.slice(start, end);
    if (word.length > MAX_CACHED_LENGTH) return this.#split(word);
    let pieces = this.#cache.get(word);
    if (pieces === undefined) {
      if (this.#cache.size >= MAX_CACHED_WORDS) this.#cache.clear();
      pieces = this.#split(word);
      this.#cache.set(word, pieces);
    }
    return pieces;
  }

  #isTooLong(text: string, start: number, end: number): boolean {
    const units = end - start;
    if (units <= this.#maxLength) return false;
    if (units > 2 * this.#maxLength) return true;
    let codePoints = 0;
    for (let at = start; at < end; codePoints++) at += isSurrogate(text.charCodeAt(at)) ? 2 : 1;
    return codePoints > this.#maxLength;
  }

  #split(word: string): Pieces {
    const pieces: number[] = [];
    let candidates = this.#beginnings;
    for (let start = 0; start < word.length; ) {
      let end = Math.min(word.length, start + candidates.maxLength);
      let id: number | undefined;
      for (; end > start; end--) {
        id = candidates.ids.get(word.slice(start, end));
        if (id !== undefined) break;
      }
      if (id === undefined) return [this.#unknownId, word.length];
      pieces.push(id, end);
      start = end;
      candidates = this.#continuations;
    }
    return pieces;
  }
}

function maxLengthOf(tokens: ReadonlyMap<string, number>): number {
  let longest = 0;
  for (const token of tokens.keys()) longest = Math.max(longest, token.length);
  return longest;
}
