/**
 * Byte-pair encoding: a word is first its characters, and then the merge of the lowest rank is made, leftmost first,
 * until none is left. What a character is, byte or letter, was decided before (`pre-tokenizers/byte-level.ts`).
 *
 * Must stay true: the tokens are Rust's; time is O(n log n) in a word's length.
 */
import type { Pieces, TokenModel } from "../token-model.ts";
import { WordCache } from "../word-cache.ts";
import { MergeQueue } from "./merge-queue.ts";
import type { Merges } from "./merges.ts";

export interface BpeOptions {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly merges: Merges;
  /** For a character that is in no token; without one, it gives no token. */
  readonly unknownId: number | undefined;
  /** Whether neighbouring unknown characters are one token. */
  readonly fuseUnknown: boolean;
  /** Whether an unknown character becomes the tokens of its bytes, `<0xE2>` and so on, if there are all. */
  readonly byteFallback: boolean;
  /** Of every character but a word's first. */
  readonly continuingSubwordPrefix: string;
  /** Of a word's last character. */
  readonly endOfWordSuffix: string;
  /** Whether a word that is a token is that token, whatever the merges make of it. */
  readonly ignoreMerges: boolean;
}

/** Up to this length, looking at all pairs for the lowest rank is faster than a queue. */
const MAX_SCANNED = 24;
const encoder = new TextEncoder();

/** A word while it is merged: of each token its id and bounds, in the order of the text. */
interface Symbols {
  readonly ids: number[];
  readonly starts: number[];
  readonly ends: number[];
}

export class Bpe implements TokenModel {
  readonly #options: BpeOptions;
  readonly #cache = new WordCache((word) => this.#split(word));

  constructor(options: BpeOptions) {
    this.#options = options;
  }

  tokenize(text: string, start: number, end: number): Pieces {
    return this.#cache.piecesOf(text, start, end);
  }

  #split(word: string): Pieces {
    const { ignoreMerges, vocabulary } = this.#options;
    const whole = ignoreMerges ? vocabulary.get(word) : undefined;
    if (whole !== undefined) return [whole, 0, word.length];
    const symbols = this.#symbolsOf(word);
    return symbols.ids.length <= MAX_SCANNED ? this.#scan(symbols) : this.#mergeByQueue(symbols);
  }

  /** The word's characters as tokens. */
  #symbolsOf(word: string): Symbols {
    const { vocabulary, continuingSubwordPrefix: prefix, endOfWordSuffix: suffix, unknownId } = this.#options;
    const symbols: Symbols = { ids: [], starts: [], ends: [] };
    let lastUnknownEnd = -1;
    for (let at = 0; at < word.length; ) {
      const end = at + ((word.codePointAt(at) as number) > 0xffff ? 2 : 1);
      const character = word.slice(at, end);
      const token = (at > 0 ? prefix : "") + character + (end === word.length ? suffix : "");
      const id = vocabulary.get(token);
      if (id !== undefined) add(symbols, id, at, end);
      else if (!this.#addBytes(symbols, token, at, end) && unknownId !== undefined) {
        if (this.#options.fuseUnknown && lastUnknownEnd === at) symbols.ends[symbols.ends.length - 1] = end;
        else add(symbols, unknownId, at, end);
        lastUnknownEnd = end;
      }
      at = end;
    }
    return symbols;
  }

  #addBytes(symbols: Symbols, token: string, start: number, end: number): boolean {
    if (!this.#options.byteFallback) return false;
    const ids: number[] = [];
    for (const byte of encoder.encode(token)) {
      const id = this.#options.vocabulary.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
      if (id === undefined) return false;
      ids.push(id);
    }
    for (const id of ids) add(symbols, id, start, end);
    return true;
  }

  /** Merges in place. */
  #scan({ ids, starts, ends }: Symbols): Pieces {
    const { merges } = this.#options;
    for (;;) {
      let best = -1;
      let position = -1;
      let lowest = Number.POSITIVE_INFINITY;
      for (let at = 0; at + 1 < ids.length; at++) {
        const slot = merges.find(ids[at] as number, ids[at + 1] as number);
        if (slot < 0 || merges.rankAt(slot) >= lowest) continue;
        lowest = merges.rankAt(slot);
        best = slot;
        position = at;
      }
      if (best < 0) break;
      ids[position] = merges.resultAt(best);
      ends[position] = ends[position + 1] as number;
      for (const list of [ids, starts, ends]) list.splice(position + 1, 1);
    }
    const pieces: number[] = [];
    for (const [at, id] of ids.entries()) pieces.push(id, starts[at] as number, ends[at] as number);
    return pieces;
  }

  #mergeByQueue({ ids: list, starts, ends }: Symbols): Pieces {
    const { merges } = this.#options;
    const length = list.length;
    const ids = Int32Array.from(list);
    /** The next token's position; of a token that was merged into another, -1. */
    const next = Int32Array.from(list, (_, at) => at + 1);
    const previous = Int32Array.from(list, (_, at) => at - 1);
    const queue = new MergeQueue(length);
    const offer = (left: number, right: number): void => {
      const slot = merges.find(ids[left] as number, ids[right] as number);
      if (slot >= 0) queue.push(merges.rankAt(slot), left);
    };
    for (let at = 0; at + 1 < length; at++) offer(at, at + 1);
    while (!queue.isEmpty) {
      const { rank, position } = queue.pop();
      const right = next[position] as number;
      // Either token may have been merged since.
      if (right < 0 || right >= length) continue;
      const slot = merges.find(ids[position] as number, ids[right] as number);
      if (slot < 0 || merges.rankAt(slot) !== rank) continue;
      const after = next[right] as number;
      ids[position] = merges.resultAt(slot);
      ends[position] = ends[right] as number;
      next[position] = after;
      next[right] = -1;
      if (after < length) {
        previous[after] = position;
        offer(position, after);
      }
      const before = previous[position] as number;
      if (before >= 0) offer(before, position);
    }
    const pieces: number[] = [];
    for (let at = 0; at < length; at = next[at] as number) {
      pieces.push(ids[at] as number, starts[at] as number, ends[at] as number);
    }
    return pieces;
  }
}

function add({ ids, starts, ends }: Symbols, id: number, start: number, end: number): void {
  ids.push(id);
  starts.push(start);
  ends.push(end);
}
