/**
 * BertNormalizer: cleaning, spaces around ideographs, accents off, lower case; every normalised code unit knows the
 * original character it came from.
 *
 * Each step of it works on one character at a time, so the whole normaliser is a function from a code point to a short
 * string, and is computed once for each code point met. The one exception is the order of combining marks
 * (`canonical-order.ts`).
 *
 * Must stay true: offsets name whole characters of the original (never half of a surrogate pair) and never go back;
 * the work is linear in the text.
 */
import { orderMarks } from "./canonical-order.ts";
import * as characters from "./characters.ts";
import { resized } from "./encoding.ts";

export interface NormalizerOptions {
  /** Remove control characters, make all white space a space. */
  readonly cleanText: boolean;
  /** Put spaces around ideographs. */
  readonly handleChineseChars: boolean;
  readonly stripAccents: boolean;
  readonly lowercase: boolean;
}

/** A normalised piece of text. It is a view of the normaliser's buffers: valid until its next call. */
export interface NormalizedText {
  readonly text: string;
  /** For each code unit of `text`, where the original character begins. */
  readonly starts: Int32Array;
  /** For each code unit of `text`, where the original character ends. */
  readonly ends: Int32Array;
}

const ASCII = 128;
/** In the table of ASCII characters: this one is removed. */
const REMOVED = 0xffff;
const REPLACEMENT_CHARACTER = 0xfffd;
const MAX_CACHED_CHARACTERS = 16_384;
/** Buffers larger than this are not kept for the next piece. */
const LARGEST_KEPT_BUFFER = 1 << 18;
const SMALLEST_BUFFER = 1 << 12;
/** How many arguments a call of String.fromCharCode may safely have. */
const MAX_ARGUMENTS = 8_192;

export class BertNormalizer {
  readonly #options: NormalizerOptions;
  readonly #classes = characters.characterClasses();
  readonly #ascii = new Uint16Array(ASCII);
  readonly #others = new Map<number, string>();
  #units = new Uint16Array(0);
  #starts: Int32Array = new Int32Array(0);
  #ends: Int32Array = new Int32Array(0);
  #length = 0;

  constructor(options: NormalizerOptions) {
    this.#options = options;
    for (let code = 0; code < ASCII; code++) {
      const output = this.#compute(code);
      this.#ascii[code] = output === "" ? REMOVED : output.charCodeAt(0);
    }
  }

  /** Normalises text[from, to), which must not begin or end inside a surrogate pair. Offsets count from the start of `text`. */
  normalize(text: string, from: number, to: number): NormalizedText {
    this.#reserve(to - from);
    this.#length = 0;
    let marks = false;
    for (let at = from; at < to; ) {
      const unit = text.charCodeAt(at);
      if (unit < ASCII) {
        const output = this.#ascii[unit] as number;
        if (output !== REMOVED) this.#append(output, at, at + 1);
        at++;
        continue;
      }
      const codePoint = text.codePointAt(at) as number;
      const end = at + (codePoint > 0xffff ? 2 : 1);
      this.#appendAll(this.#outputOf(codePoint), at, end, to - end);
      marks ||= ((this.#classes[codePoint] as number) & characters.REORDERED) !== 0;
      at = end;
    }
    if (marks && this.#options.stripAccents) orderMarks(this.#units.subarray(0, this.#length));
    return { text: this.#decode(), starts: this.#starts, ends: this.#ends };
  }

  /** What a string becomes. */
  normalizeString(text: string): string {
    return this.normalize(text, 0, text.length).text;
  }

  #append(unit: number, start: number, end: number): void {
    const index = this.#length;
    this.#units[index] = unit;
    this.#starts[index] = start;
    this.#ends[index] = end;
    this.#length = index + 1;
  }

  /** Appends several code units, and keeps room for the `remaining` ones, so that #append needs no check. */
  #appendAll(output: string, start: number, end: number, remaining: number): void {
    const needed = this.#length + output.length + remaining;
    if (needed > this.#units.length) this.#grow(needed * 2);
    for (let index = 0; index < output.length; index++) this.#append(output.charCodeAt(index), start, end);
  }

  #outputOf(codePoint: number): string {
    let output = this.#others.get(codePoint);
    if (output === undefined) {
      if (this.#others.size >= MAX_CACHED_CHARACTERS) this.#others.clear();
      output = this.#compute(codePoint);
      this.#others.set(codePoint, output);
    }
    return output;
  }

  #compute(codePoint: number): string {
    const { cleanText, handleChineseChars, stripAccents, lowercase } = this.#options;
    const flags = this.#classes[codePoint] as number;
    // A lone surrogate is no character: Rust could not even hold it. It goes the way of U+FFFD.
    if (characters.isSurrogate(codePoint) && codePoint <= 0xffff) return "";
    if (cleanText) {
      if ((flags & characters.CONTROL) !== 0 || codePoint === REPLACEMENT_CHARACTER) return "";
      if ((flags & characters.WHITE_SPACE) !== 0) return " ";
    }
    let output = String.fromCodePoint(codePoint);
    if (stripAccents) output = this.#withoutAccents(output, flags);
    // One character at a time: over a whole word JavaScript would apply the rule of the final sigma, Rust does not.
    if (lowercase) output = Array.from(output, (character) => character.toLowerCase()).join("");
    return handleChineseChars && (flags & characters.IDEOGRAPH) !== 0 ? ` ${output} ` : output;
  }

  #withoutAccents(character: string, flags: number): string {
    const decomposed = (flags & characters.NOT_DECOMPOSED) === 0 ? character.normalize("NFD") : character;
    const kept = Array.from(decomposed).filter((part) => {
      return ((this.#classes[part.codePointAt(0) as number] as number) & characters.NONSPACING_MARK) === 0;
    });
    return kept.join("");
  }

  #decode(): string {
    let text = "";
    for (let from = 0; from < this.#length; from += MAX_ARGUMENTS) {
      const units = this.#units.subarray(from, Math.min(from + MAX_ARGUMENTS, this.#length));
      text += Reflect.apply(String.fromCharCode, undefined, units);
    }
    return text;
  }

  #reserve(units: number): void {
    const size = this.#units.length;
    if (size >= units && size <= LARGEST_KEPT_BUFFER) return;
    const capacity = Math.max(units, SMALLEST_BUFFER);
    this.#units = new Uint16Array(capacity);
    this.#starts = new Int32Array(capacity);
    this.#ends = new Int32Array(capacity);
  }

  #grow(capacity: number): void {
    const units = new Uint16Array(capacity);
    units.set(this.#units);
    this.#units = units;
    this.#starts = resized(this.#starts, capacity);
    this.#ends = resized(this.#ends, capacity);
  }
}
