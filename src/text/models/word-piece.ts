/**
 * WordPiece: greedy longest match. The first token of a word comes from the whole vocabulary, the following ones from
 * the continuation tokens (prefix `##`); a word that cannot be covered is one [UNK].
 *
 * Must stay true: a word longer than `maxInputCharsPerWord` code points is [UNK] without a search, and no candidate is
 * longer than the longest token, so time is linear in every text.
 */
import { isSurrogate } from "../characters.ts";
import type { Pieces, TokenModel } from "../token-model.ts";
import { WordCache } from "../word-cache.ts";

export interface WordPieceOptions {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly unknownId: number;
  /** `##` in every known BERT. */
  readonly continuingSubwordPrefix: string;
  /** In code points of the normalised word; 100 in every known BERT. */
  readonly maxInputCharsPerWord: number;
}

interface Candidates {
  readonly ids: ReadonlyMap<string, number>;
  /** In code units. */
  readonly maxLength: number;
}

export class WordPiece implements TokenModel {
  readonly #beginnings: Candidates;
  readonly #continuations: Candidates;
  readonly #unknownId: number;
  readonly #maxLength: number;
  readonly #cache = new WordCache((word) => this.#split(word));

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

  tokenize(text: string, start: number, end: number): Pieces {
    if (this.#isTooLong(text, start, end)) return [this.#unknownId, 0, end - start];
    return this.#cache.piecesOf(text, start, end);
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
      if (id === undefined) return [this.#unknownId, 0, word.length];
      pieces.push(id, start, end);
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
