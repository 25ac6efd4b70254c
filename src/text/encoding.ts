/**
 * The result of tokenising: parallel typed arrays, and the builder that grows them.
 *
 * A 50 MB text has some 12 million tokens: objects would fill a browser tab's memory, four Int32Arrays take 190 MB.
 *
 * Must stay true: the arrays of an Encoding have exactly its length.
 */

/** The tokens of a text, without special tokens around them. Offsets are UTF-16 code units of the original text, end exclusive. */
export interface Encoding {
  readonly text: string;
  readonly length: number;
  readonly ids: Int32Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** The index of each token's word (a pre-tokenizer's word, or an added token): non-decreasing, from 0. */
  readonly words: Int32Array;
}

const MIN_CAPACITY = 16;
/** English has about 4.4. */
const CHARACTERS_PER_TOKEN = 4;

export class EncodingBuilder {
  readonly text: string;
  #length = 0;
  #words = 0;
  #ids: Int32Array;
  #starts: Int32Array;
  #ends: Int32Array;
  #wordOf: Int32Array;

  constructor(text: string) {
    const capacity = Math.ceil(text.length / CHARACTERS_PER_TOKEN) + MIN_CAPACITY;
    this.text = text;
    this.#ids = new Int32Array(capacity);
    this.#starts = new Int32Array(capacity);
    this.#ends = new Int32Array(capacity);
    this.#wordOf = new Int32Array(capacity);
  }

  /** The number of tokens so far. */
  get length(): number {
    return this.#length;
  }

  /** Adds a token to the current word. */
  push(id: number, start: number, end: number): void {
    const index = this.#length;
    if (index === this.#ids.length) this.#grow();
    this.#ids[index] = id;
    this.#starts[index] = start;
    this.#ends[index] = end;
    this.#wordOf[index] = this.#words;
    this.#length = index + 1;
  }

  endWord(): void {
    this.#words++;
  }

  /** Copies the tokens, so that no spare capacity stays alive. */
  build(): Encoding {
    const length = this.#length;
    return {
      text: this.text,
      length,
      ids: this.#ids.slice(0, length),
      starts: this.#starts.slice(0, length),
      ends: this.#ends.slice(0, length),
      words: this.#wordOf.slice(0, length),
    };
  }

  #grow(): void {
    const capacity = this.#ids.length * 2;
    this.#ids = resized(this.#ids, capacity);
    this.#starts = resized(this.#starts, capacity);
    this.#ends = resized(this.#ends, capacity);
    this.#wordOf = resized(this.#wordOf, capacity);
  }
}

/** The tokens [first, end) of the same text, as views. */
export function sliceEncoding({ text, ids, starts, ends, words }: Encoding, first: number, end: number): Encoding {
  return {
    text,
    length: end - first,
    ids: ids.subarray(first, end),
    starts: starts.subarray(first, end),
    ends: ends.subarray(first, end),
    words: words.subarray(first, end),
  };
}

/** A longer copy, padded with zeros. */
export function resized(array: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(length);
  larger.set(array);
  return larger;
}
