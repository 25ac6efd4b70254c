/**
 * ByteLevel: splits a text as GPT-2 does, into contractions, letters, digits, other characters, each with a space before
 * it, and white space; then writes every byte as a character (`byte-characters.ts`).
 *
 * The pattern is `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`, read here by hand.
 *
 * Must stay true: the words are those of the pattern in Oniguruma, whose Unicode is 16; all bytes of a character have
 * its bounds; time is linear.
 */
import type { AlignedText } from "../aligned-text.ts";
import { BYTE_CHARACTERS, byteCharactersOf, SPACE_CHARACTER } from "../byte-characters.ts";
import { kindAt, SPACE } from "../character-kinds.ts";
import { isSurrogate } from "../characters.ts";
import { type PreTokenizer, type VisitWord, WHITE_SPACE_BOUNDARY } from "./pre-tokenizer.ts";

export interface ByteLevelOptions {
  /** Begins every text with a space, unless it does already. */
  readonly addPrefixSpace: boolean;
  /** Without it, a text is one word. */
  readonly useRegex: boolean;
}

const CONTRACTION = /'(?:s|t|re|ve|m|ll|d)/y;
const MIN_BUFFER = 256;

export class ByteLevelPreTokenizer implements PreTokenizer {
  readonly boundary?: RegExp;
  readonly #options: ByteLevelOptions;
  #starts = new Int32Array(MIN_BUFFER);
  #ends = new Int32Array(MIN_BUFFER);

  constructor(options: ByteLevelOptions) {
    this.#options = options;
    if (options.useRegex) this.boundary = options.addPrefixSpace ? /^ / : WHITE_SPACE_BOUNDARY;
  }

  split(input: AlignedText, from: number, to: number, visit: VisitWord): void {
    const { addPrefixSpace, useRegex } = this.#options;
    const { text } = input;
    let start = from;
    if (addPrefixSpace && text.charCodeAt(from) !== 0x20) {
      // The added space belongs to the first word, if that may begin with a space.
      start = useRegex ? endOfPrefixed(text, from, to) : to;
      this.#visitBytes(input, from, start, SPACE_CHARACTER, visit);
    }
    while (start < to) {
      const end = useRegex ? endOfWord(text, start, to) : to;
      this.#visitBytes(input, start, end, "", visit);
      start = end;
    }
  }

  /** Visits text[from, to) as bytes, after a prefix that has the bounds of the first character. */
  #visitBytes(input: AlignedText, from: number, to: number, prefix: string, visit: VisitWord): void {
    const { text, starts, ends } = input;
    // A character has at most three bytes a code unit.
    this.#reserve((to - from) * 3 + 1);
    let length = 0;
    let written = "";
    /** Where the characters begin that are written as they are. */
    let plain = from;
    if (prefix !== "") {
      this.#starts[length] = starts[from] as number;
      this.#ends[length++] = ends[from] as number;
    }
    for (let at = from; at < to; ) {
      const unit = text.charCodeAt(at);
      if (unit > 0x20 && unit < 0x7f) {
        this.#starts[length] = starts[at] as number;
        this.#ends[length++] = ends[at++] as number;
        continue;
      }
      const end = at + (isSurrogate(unit) ? 2 : 1);
      const bytes = unit < 0x80 ? (BYTE_CHARACTERS[unit] as string) : byteCharactersOf(text.slice(at, end));
      written += text.slice(plain, at) + bytes;
      this.#starts.fill(starts[at] as number, length, length + bytes.length);
      this.#ends.fill(ends[at] as number, length, length + bytes.length);
      length += bytes.length;
      at = end;
      plain = end;
    }
    written = prefix + written + text.slice(plain, to);
    visit({ text: written, starts: this.#starts, ends: this.#ends }, 0, length);
  }

  #reserve(units: number): void {
    if (this.#starts.length >= units) return;
    this.#starts = new Int32Array(units * 2);
    this.#ends = new Int32Array(units * 2);
  }
}

/** The end of the word that begins with a space before text[start]; `start` if that space is a word. */
function endOfPrefixed(text: string, start: number, to: number): number {
  const kind = kindAt(text, start);
  if (kind !== SPACE) return endOfRun(text, start, to, kind);
  // The space and the white space after it: all of it at the end of the text, else all but the last.
  const end = endOfRun(text, start, to, SPACE);
  return end === to ? end : end - 1;
}

/** The end of the word that begins at `start`. */
function endOfWord(text: string, start: number, to: number): number {
  const unit = text.charCodeAt(start);
  if (unit === 0x27) {
    CONTRACTION.lastIndex = start;
    if (CONTRACTION.test(text) && CONTRACTION.lastIndex <= to) return CONTRACTION.lastIndex;
  }
  if (unit === 0x20 && start + 1 < to) {
    const next = kindAt(text, start + 1);
    if (next !== SPACE) return endOfRun(text, start + 1, to, next);
  }
  const kind = kindAt(text, start);
  const end = endOfRun(text, start, to, kind);
  // The last of several spaces belongs to the word after them.
  return kind === SPACE && end < to && end > start + 1 ? end - 1 : end;
}

/** The end of the longest run of characters of one kind. */
function endOfRun(text: string, start: number, to: number, kind: number): number {
  let at = start;
  while (at < to && kindAt(text, at) === kind) at += isSurrogate(text.charCodeAt(at)) ? 2 : 1;
  return at;
}
