/**
 * The pieces of a vocabulary, and which of them begin at a place of a text.
 *
 * A hash table over typed arrays: a vocabulary of 250,000 pieces takes 10 MB and is filled in a tenth of a second, where
 * a trie has a million nodes. Hashes are extended by a code unit at a time, so one pass over the text finds all pieces.
 * A Bloom filter of all beginnings of pieces ends the pass where no longer piece can follow.
 *
 * Must stay true: a look-up takes at most as many steps as the longest piece has code units.
 */
import { CheckpointError, GET_AGAIN } from "../errors.ts";
import { isSurrogate } from "./characters.ts";
import { MAX_TOKENS, tooManyTokens } from "./tokenizer-definition.ts";

/** In UTF-16 code units. SentencePiece trains no longer ones; longer ones would make a look-up slow. */
const MAX_PIECE_LENGTH = 512;
/** Slots for each piece, at least. */
const SPARSENESS = 2;
/** Bits of the filter for each code unit of all pieces, at least. Many pieces share their beginnings. */
const FILTER_BITS = 4;
const MIN_BITS = 5;
const MAX_BITS = 26;
const NONE = -1;
const UNSEEN = -2;

export class PieceTable {
  readonly size: number;
  /** In UTF-16 code units. */
  readonly maxLength: number;
  /** Ids of the pieces found by `matchPrefixes`. */
  readonly matchedIds: Int32Array;
  /** Where they end in the text. */
  readonly matchedEnds: Int32Array;

  /** The code units of all pieces, one after the other. */
  readonly #units: Uint16Array;
  /** Where each piece begins in `#units`, and the last one ends. */
  readonly #offsets: Int32Array;
  /** A hash and an id + 1 in turn; 0 marks a free slot. */
  readonly #slots: Int32Array;
  readonly #shift: number;
  /** Random, so that a file cannot hold pieces that all have the same slot. */
  readonly #multiplier = (0x9e3779b1 ^ (Math.floor(Math.random() * 0x1000000) << 4)) | 1;
  /** A bit for each hash of a beginning of a piece. */
  readonly #filter: Int32Array;
  readonly #filterShift: number;
  /** By id: the longest piece that a piece begins with, or NONE. UNSEEN until `matchPrefixes` finds the piece. */
  readonly #beginnings: Int32Array;

  /**
   * Of equal pieces, the last one is found.
   * @param pieces by id.
   * @param name of the file, for errors.
   * @throws CheckpointError if a piece is not valid Unicode or too long, or if there are too many.
   */
  constructor(pieces: readonly string[], name: string) {
    if (pieces.length > MAX_TOKENS) throw tooManyTokens(name);
    this.size = pieces.length;
    const { offsets, maxLength } = measure(pieces, name);
    this.#offsets = offsets;
    this.maxLength = maxLength;
    this.#units = new Uint16Array(this.#offsets[pieces.length] as number);
    const bits = bitsFor(pieces.length * SPARSENESS);
    this.#shift = 32 - bits;
    this.#slots = new Int32Array(2 << bits);
    const filterBits = bitsFor(this.#units.length * FILTER_BITS);
    this.#filterShift = 32 - filterBits;
    this.#filter = new Int32Array(2 ** (filterBits - MIN_BITS));
    this.#beginnings = new Int32Array(pieces.length).fill(UNSEEN);
    for (let id = 0; id < pieces.length; id++) this.#insert(pieces[id] as string, id, name);
    this.matchedIds = new Int32Array(this.maxLength);
    this.matchedEnds = new Int32Array(this.maxLength);
  }

  /**
   * Finds the pieces that text[start, end) begins with, the shortest first, and puts them into `matchedIds` and
   * `matchedEnds`. Returns how many there are.
   */
  matchPrefixes(text: string, start: number, end: number): number {
    const multiplier = this.#multiplier;
    const filter = this.#filter;
    const filterShift = this.#filterShift;
    let hash = 0;
    let count = 0;
    let id = NONE;
    for (let at = start; at < end; ) {
      hash = Math.imul(hash + text.charCodeAt(at) + 1, multiplier);
      at++;
      const bit = hash >>> filterShift;
      if (((filter[bit >>> 5] as number) & (1 << (bit & 31))) === 0 || at - start > this.maxLength) break;
      const longer = this.#longer(id, hash, text, start, at);
      if (longer === NONE) continue;
      id = longer;
      this.matchedIds[count] = id;
      this.matchedEnds[count] = at;
      count++;
    }
    return count;
  }

  /** The id of the piece text[start, end), or -1. */
  find(text: string, start = 0, end = text.length): number {
    if (end === start || end - start > this.maxLength) return NONE;
    let hash = 0;
    for (let at = start; at < end; at++) hash = Math.imul(hash + text.charCodeAt(at) + 1, this.#multiplier);
    return (this.#slots[this.#slotOf(hash, text, start, end) + 1] as number) - 1;
  }

  /** Undefined unless `id` is a whole number below `size`. */
  piece(id: number): string | undefined {
    const [from, to] = [this.#offsets[id], this.#offsets[id + 1]];
    return from === undefined || to === undefined ? undefined : String.fromCharCode(...this.#units.subarray(from, to));
  }

  #insert(piece: string, id: number, name: string): void {
    const from = this.#offsets[id] as number;
    let hash = 0;
    for (let at = 0; at < piece.length; at++) {
      const unit = piece.charCodeAt(at);
      if (isSurrogate(unit) && isHalf(piece, at)) throw halfPair(piece, id, name);
      this.#units[from + at] = unit;
      hash = Math.imul(hash + unit + 1, this.#multiplier);
      const bit = hash >>> this.#filterShift;
      this.#filter[bit >>> 5] = (this.#filter[bit >>> 5] as number) | (1 << (bit & 31));
    }
    if (piece.length === 0) return;
    const slot = this.#slotOf(hash, piece, 0, piece.length);
    this.#slots[slot] = hash;
    this.#slots[slot + 1] = id + 1;
  }

  /**
   * The piece text[start, end), which has this hash, or NONE. `beginning` is the longest piece that it begins with: what
   * that covers need not be compared again.
   */
  #longer(beginning: number, hash: number, text: string, start: number, end: number): number {
    const slots = this.#slots;
    for (let slot = this.#slotOfHash(hash); ; slot = this.#slotAfter(slot)) {
      const id = (slots[slot + 1] as number) - 1;
      if (id === NONE) return NONE;
      if (slots[slot] !== hash) continue;
      const known = this.#beginnings[id] as number;
      if (known !== UNSEEN && known !== beginning) continue;
      const equal = known === UNSEEN || known === NONE ? 0 : this.#lengthOf(known);
      if (!this.#isPiece(id, text, start, end, equal)) continue;
      this.#beginnings[id] = beginning;
      return id;
    }
  }

  /** The slot of the piece text[start, end), which has this hash, or the free one where it belongs. */
  #slotOf(hash: number, text: string, start: number, end: number): number {
    for (let slot = this.#slotOfHash(hash); ; slot = this.#slotAfter(slot)) {
      const id = (this.#slots[slot + 1] as number) - 1;
      if (id === NONE || (this.#slots[slot] === hash && this.#isPiece(id, text, start, end, 0))) return slot;
    }
  }

  #slotOfHash(hash: number): number {
    return (hash >>> this.#shift) << 1;
  }

  #slotAfter(slot: number): number {
    return (slot + 2) & (this.#slots.length - 1);
  }

  #lengthOf(id: number): number {
    return (this.#offsets[id + 1] as number) - (this.#offsets[id] as number);
  }

  /** Whether the piece is text[start, end), of which the first `equal` code units need not be compared. */
  #isPiece(id: number, text: string, start: number, end: number, equal: number): boolean {
    if (this.#lengthOf(id) !== end - start) return false;
    const shift = (this.#offsets[id] as number) - start;
    for (let at = start + equal; at < end; at++) {
      if (this.#units[at + shift] !== text.charCodeAt(at)) return false;
    }
    return true;
  }
}

/** The number of bits of an index that is at least `count` large. */
function bitsFor(count: number): number {
  return Math.min(MAX_BITS, Math.max(MIN_BITS, Math.ceil(Math.log2(count + 1))));
}

function measure(pieces: readonly string[], name: string): { offsets: Int32Array; maxLength: number } {
  const offsets = new Int32Array(pieces.length + 1);
  let total = 0;
  let maxLength = 0;
  for (let id = 0; id < pieces.length; id++) {
    const { length } = pieces[id] as string;
    if (length > MAX_PIECE_LENGTH) {
      throw new CheckpointError({
        found: `${name}: the piece with the id ${id} has ${length} characters`,
        expected: `at most ${MAX_PIECE_LENGTH}`,
        advice: GET_AGAIN,
      });
    }
    if (length > maxLength) maxLength = length;
    total += length;
    offsets[id + 1] = total;
  }
  return { offsets, maxLength };
}

/** Whether the surrogate at `at` is not part of a pair. */
function isHalf(text: string, at: number): boolean {
  const isLow = (text.charCodeAt(at) & 0xfc00) === 0xdc00;
  const other = text.charCodeAt(isLow ? at - 1 : at + 1);
  return (other & 0xfc00) !== (isLow ? 0xd800 : 0xdc00);
}

function halfPair(piece: string, id: number, name: string): CheckpointError {
  return new CheckpointError({
    found: `${name}: the piece ${JSON.stringify(piece)} with the id ${id} holds half a surrogate pair`,
    expected: "pieces that are valid Unicode",
    advice: GET_AGAIN,
  });
}
