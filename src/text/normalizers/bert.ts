/**
 * BertNormalizer: cleaning, spaces around ideographs, accent stripping, lower case, with an offset into the original
 * text for every normalised code unit.
 *
 * Each step works on one character at a time, so the normaliser maps a code point to a short string, which is cached.
 * The one exception is the order of the few marks that accent stripping keeps: a text with any of these goes through the
 * steps one after the other.
 *
 * Must stay true: offsets are those of whole original characters (never half of a surrogate pair) and non-decreasing;
 * time is linear in the text.
 */
import type { AlignedText } from "../aligned-text.ts";
import * as characters from "../characters.ts";
import { resized } from "../encoding.ts";
import { CharacterNormalizer, lowercase } from "./characters.ts";
import { type Normalizer, SequenceNormalizer, WHOLE } from "./normalizer.ts";
import { UnicodeNormalizer } from "./unicode.ts";

export interface BertNormalizerOptions {
  /** Remove control characters, replace white space by spaces. */
  readonly cleanText: boolean;
  /** Put spaces around ideographs. */
  readonly handleChineseChars: boolean;
  readonly stripAccents: boolean;
  readonly lowercase: boolean;
}

const ASCII = 128;
/** Marks a removed character in the ASCII table. */
const REMOVED = 0xffff;
const REPLACEMENT_CHARACTER = 0xfffd;
const MAX_CACHED_CHARACTERS = 16_384;
/** Larger buffers are not reused for the next piece. */
const MAX_REUSED_BUFFER = 1 << 18;
const MIN_BUFFER = 1 << 12;
/** Arguments of one String.fromCharCode call: more may overflow the stack. */
const MAX_ARGUMENTS = 8_192;

export class BertNormalizer implements Normalizer {
  readonly #options: BertNormalizerOptions;
  readonly #classes = characters.characterClasses();
  readonly #ascii = new Uint16Array(ASCII);
  readonly #cache = new Map<number, string>();
  #units = new Uint16Array(0);
  #starts: Int32Array = new Int32Array(0);
  #ends: Int32Array = new Int32Array(0);
  #length = 0;
  #stepwise: Normalizer | undefined;

  constructor(options: BertNormalizerOptions) {
    this.#options = options;
    for (let code = 0; code < ASCII; code++) {
      const output = this.#compute(code);
      this.#ascii[code] = output === "" ? REMOVED : output.charCodeAt(0);
    }
  }

  normalize(input: AlignedText): AlignedText {
    const { text, starts, ends } = input;
    this.#reserve(text.length);
    this.#length = 0;
    let marks = false;
    for (let at = 0; at < text.length; ) {
      const unit = text.charCodeAt(at);
      if (unit < ASCII) {
        const output = this.#ascii[unit] as number;
        if (output !== REMOVED) this.#append(output, starts[at] as number, ends[at] as number);
        at++;
        continue;
      }
      const codePoint = text.codePointAt(at) as number;
      const next = at + (codePoint > 0xffff ? 2 : 1);
      this.#appendAll(this.#outputOf(codePoint), starts[at] as number, ends[at] as number, text.length - next);
      marks ||= ((this.#classes[codePoint] as number) & characters.REORDERED) !== 0;
      at = next;
    }
    if (marks && this.#options.stripAccents) {
      this.#stepwise ??= stepwise(this.#options);
      return this.#stepwise.normalize(input, WHOLE);
    }
    return { text: this.#decode(), starts: this.#starts, ends: this.#ends };
  }

  #append(unit: number, start: number, end: number): void {
    const index = this.#length;
    this.#units[index] = unit;
    this.#starts[index] = start;
    this.#ends[index] = end;
    this.#length = index + 1;
  }

  /** Appends a string and reserves capacity for `remaining` more units, so that #append needs no check. */
  #appendAll(output: string, start: number, end: number, remaining: number): void {
    const needed = this.#length + output.length + remaining;
    if (needed > this.#units.length) this.#grow(needed * 2);
    for (let index = 0; index < output.length; index++) this.#append(output.charCodeAt(index), start, end);
  }

  #outputOf(codePoint: number): string {
    let output = this.#cache.get(codePoint);
    if (output === undefined) {
      if (this.#cache.size >= MAX_CACHED_CHARACTERS) this.#cache.clear();
      output = this.#compute(codePoint);
      this.#cache.set(codePoint, output);
    }
    return output;
  }

  #compute(codePoint: number): string {
    const { cleanText, handleChineseChars, stripAccents, lowercase } = this.#options;
    const flags = this.#classes[codePoint] as number;
    if (cleanText) {
      if ((flags & characters.CONTROL) !== 0 || codePoint === REPLACEMENT_CHARACTER) return "";
      if ((flags & characters.WHITE_SPACE) !== 0) return " ";
    }
    let output = String.fromCodePoint(codePoint);
    if (stripAccents) output = this.#withoutAccents(output, flags);
    // One character at a time: on a whole word JavaScript applies the final-sigma rule, Rust does not.
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
    if (size >= units && size <= MAX_REUSED_BUFFER) return;
    const capacity = Math.max(units, MIN_BUFFER);
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

/** The steps one after the other: NFD moves marks, and each takes the place of the character whose turn it is. */
function stepwise(options: BertNormalizerOptions): Normalizer {
  const classes = characters.characterClasses();
  const isAccent = (codePoint: number) => ((classes[codePoint] as number) & characters.NONSPACING_MARK) !== 0;
  return new SequenceNormalizer([
    new BertNormalizer({ ...options, stripAccents: false, lowercase: false }),
    new UnicodeNormalizer("NFD"),
    new CharacterNormalizer((character, codePoint) => (isAccent(codePoint) ? "" : character)),
    ...(options.lowercase ? [lowercase()] : []),
  ]);
}
