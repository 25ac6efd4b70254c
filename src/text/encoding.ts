/**
 * What tokenising gives: tokens as parallel typed arrays, and the builder that grows them.
 *
 * A 50 MB text has some 12 million tokens: as objects they would fill the memory of a browser tab, as four Int32Arrays
 * they are 190 MB. Must stay true: the arrays of an Encoding have exactly its length.
 */

/** The tokens of one text, without [CLS] and [SEP]. Parallel arrays. Offsets are UTF-16 code units of the original text, end exclusive. */
export interface Encoding {
  readonly text: string;
  readonly length: number;
  readonly ids: Int32Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** Index of the word (what the pre-tokenizer splits off; an added token is a word of its own) each token belongs to: non-decreasing, from 0. */
  readonly words: Int32Array;
}

const SMALLEST_CAPACITY = 16;
/** English has about 4.4 characters a token. */
const CHARACTERS_PER_TOKEN = 4;

/** Collects the tokens of one text. */
export class EncodingBuilder {
  readonly #text: string;
  #length = 0;
  #words = 0;
  #ids: Int32Array;
  #starts: Int32Array;
  #ends: Int32Array;
  #wordOf: Int32Array;

  constructor(text: string) {
    const capacity = Math.ceil(text.length / CHARACTERS_PER_TOKEN) + SMALLEST_CAPACITY;
    this.#text = text;
    this.#ids = new Int32Array(capacity);
    this.#starts = new Int32Array(capacity);
    this.#ends = new Int32Array(capacity);
    this.#wordOf = new Int32Array(capacity);
  }

  /** Adds a token to the word begun and not yet ended. */
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

  /** The tokens so far. Copies, so that no spare capacity stays alive with them. */
  build(): Encoding {
    const length = this.#length;
    return {
      text: this.#text,
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

/** The tokens [first, past) of the same text. */
export function part({ text, ids, starts, ends, words }: Encoding, first: number, past: number): Encoding {
  return {
    text,
    length: past - first,
    ids: ids.subarray(first, past),
    starts: starts.subarray(first, past),
    ends: ends.subarray(first, past),
    words: words.subarray(first, past),
  };
}

/** The same numbers in an array of another, larger length. */
export function resized(array: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(length);
  larger.set(array);
  return larger;
}
