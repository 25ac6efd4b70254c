/**
 * A text with, for each UTF-16 code unit, the bounds of the original character that it comes from: what normalizers and
 * pre-tokenizers pass on, so that a token's offsets are exact whatever was replaced, removed or inserted before.
 *
 * Must stay true: bounds are those of whole original characters (never half of a surrogate pair) and non-decreasing;
 * both units of a surrogate pair have the same.
 */
import { isSurrogate } from "./characters.ts";

export interface AlignedText {
  readonly text: string;
  /** For each code unit of `text`, where the original character begins. May be longer than `text`. */
  readonly starts: Int32Array;
  /** For each code unit of `text`, where the original character ends. May be longer than `text`. */
  readonly ends: Int32Array;
}

/** text[from, to) as it is; must not split a surrogate pair. Bounds count from the start of `text`. */
export function alignedText(text: string, from: number, to: number): AlignedText {
  const starts = new Int32Array(to - from);
  const ends = new Int32Array(to - from);
  for (let at = from; at < to; ) {
    const end = at + (isSurrogate(text.charCodeAt(at)) ? lengthAt(text, at) : 1);
    for (let unit = at; unit < end; unit++) {
      starts[unit - from] = at;
      ends[unit - from] = end;
    }
    at = end;
  }
  return { text: text.slice(from, to), starts, ends };
}

/** The length of the character at `at`, in UTF-16 code units. */
export function lengthAt(text: string, at: number): number {
  return (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
}

/** The part [from, to) of an aligned text; its bounds are views. */
export function sliceAligned({ text, starts, ends }: AlignedText, from: number, to: number): AlignedText {
  return { text: text.slice(from, to), starts: starts.subarray(from, to), ends: ends.subarray(from, to) };
}

/** Builds an aligned text from parts of another and strings that take a character's place. */
export class AlignedBuilder {
  readonly #source: AlignedText;
  readonly #parts: string[] = [];
  #starts: Int32Array;
  #ends: Int32Array;
  #length = 0;

  constructor(source: AlignedText) {
    this.#source = source;
    this.#starts = new Int32Array(source.text.length + 16);
    this.#ends = new Int32Array(source.text.length + 16);
  }

  /** Appends the source's units [from, to). */
  copy(from: number, to: number): void {
    if (from >= to) return;
    const { text, starts, ends } = this.#source;
    this.#reserve(to - from);
    this.#parts.push(text.slice(from, to));
    this.#starts.set(starts.subarray(from, to), this.#length);
    this.#ends.set(ends.subarray(from, to), this.#length);
    this.#length += to - from;
  }

  /** Appends a string that comes from the source's unit `at`. */
  insert(content: string, at: number): void {
    this.insertFrom(content, this.#source.starts[at] as number, this.#source.ends[at] as number);
  }

  /** Appends a string that comes from the original characters [start, end). */
  insertFrom(content: string, start: number, end: number): void {
    if (content === "") return;
    this.#reserve(content.length);
    this.#parts.push(content);
    this.#starts.fill(start, this.#length, this.#length + content.length);
    this.#ends.fill(end, this.#length, this.#length + content.length);
    this.#length += content.length;
  }

  build(): AlignedText {
    return { text: this.#parts.join(""), starts: this.#starts, ends: this.#ends };
  }

  #reserve(units: number): void {
    const needed = this.#length + units;
    if (needed <= this.#starts.length) return;
    this.#starts = grown(this.#starts, needed * 2);
    this.#ends = grown(this.#ends, needed * 2);
  }
}

function grown(array: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(length);
  larger.set(array);
  return larger;
}
