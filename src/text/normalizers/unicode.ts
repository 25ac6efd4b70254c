/**
 * NFC, NFD, NFKC and NFKD.
 *
 * `String.normalize` says neither where a character comes from nor takes linear time, so it is asked about one
 * character, or about two, and the order of marks and the composition are done here. Characters that the engine's
 * Unicode decomposes, but the tokenizer's older one does not, are left alone.
 *
 * Must stay true: time is O(n log n) in the longest run of marks; bounds are Rust's: the first character of a
 * decomposition takes the place of the next original character, the others share it; a composed one has the place of
 * the first character that is part of it.
 */
import { AlignedBuilder, type AlignedText } from "../aligned-text.ts";
import { codePointsOf } from "../characters.ts";
import { NOT_COMPATIBLE, NOT_DECOMPOSED } from "../unicode-tables.ts";
import { combiningRank } from "./combining-classes.ts";
import { compose, type Part } from "./compose.ts";
import type { Normalizer } from "./normalizer.ts";

export type NormalForm = "NFC" | "NFD" | "NFKC" | "NFKD";

/** Below this code unit, a form changes nothing and joins nothing to what stands before it. */
const FIRST_CHANGED: Readonly<Record<NormalForm, number>> = { NFC: 0x300, NFD: 0xc0, NFKC: 0xa0, NFKD: 0xa0 };
const MAX_CACHED_CHARACTERS = 16_384;

const untouched = new Map<boolean, ReadonlySet<number>>();

function leftAlone(compatible: boolean): ReadonlySet<number> {
  let set = untouched.get(compatible);
  if (set === undefined) {
    set = new Set(codePointsOf(compatible ? `${NOT_DECOMPOSED} ${NOT_COMPATIBLE}` : NOT_DECOMPOSED));
    untouched.set(compatible, set);
  }
  return set;
}

export class UnicodeNormalizer implements Normalizer {
  readonly #composes: boolean;
  readonly #decomposition: "NFD" | "NFKD";
  readonly #firstChanged: number;
  readonly #leftAlone: ReadonlySet<number>;
  readonly #cache = new Map<number, readonly number[]>();

  constructor(form: NormalForm) {
    const compatible = form === "NFKC" || form === "NFKD";
    this.#composes = form === "NFC" || form === "NFKC";
    this.#decomposition = compatible ? "NFKD" : "NFD";
    this.#firstChanged = FIRST_CHANGED[form];
    this.#leftAlone = leftAlone(compatible);
  }

  normalize(input: AlignedText): AlignedText {
    const { text } = input;
    let at = this.#nextChanged(text, 0);
    if (at === text.length) return input;
    const output = new AlignedBuilder(input);
    let copied = 0;
    while (at < text.length) {
      // The character before may take the first mark.
      const start = at > copied && text.charCodeAt(at - 1) < this.#firstChanged ? at - 1 : at;
      let end = at;
      while (end < text.length && text.charCodeAt(end) >= this.#firstChanged) end++;
      output.copy(copied, start);
      this.#normalizeStretch(text, start, end, output);
      copied = end;
      at = this.#nextChanged(text, end);
    }
    output.copy(copied, text.length);
    return output.build();
  }

  #nextChanged(text: string, from: number): number {
    let at = from;
    while (at < text.length && text.charCodeAt(at) < this.#firstChanged) at++;
    return at;
  }

  /** Normalises text[start, end), of which only the first character may be below `#firstChanged`. */
  #normalizeStretch(text: string, start: number, end: number, output: AlignedBuilder): void {
    const decomposed = this.#decompose(text, start, end);
    let at = start;
    /** The character that was consumed last, of which an inserted one takes the place. */
    let last = start;
    for (const { codePoint, change } of this.#composes ? compose(decomposed) : decomposed) {
      const place = change > 0 ? last : at;
      for (let consumed = change; consumed <= 0; consumed++) {
        last = at;
        at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
      }
      output.insert(String.fromCodePoint(codePoint), place);
    }
  }

  /** All parts, with every run of marks in canonical order. */
  #decompose(text: string, start: number, end: number): Part[] {
    const parts: Part[] = [];
    /** Where the marks after the last character without a class begin. */
    let marks = 0;
    let sorted = true;
    for (let at = start; at < end; ) {
      const codePoint = text.codePointAt(at) as number;
      at += codePoint > 0xffff ? 2 : 1;
      for (const [index, part] of this.#decompositionOf(codePoint).entries()) {
        const rank = combiningRank(part);
        if (rank === 0) {
          if (!sorted) sortFrom(parts, marks);
          sorted = true;
          marks = parts.length + 1;
        } else if (parts.length > marks && rank < (parts.at(-1) as Part).rank) {
          sorted = false;
        }
        parts.push({ codePoint: part, rank, change: index === 0 ? 0 : 1 });
      }
    }
    if (!sorted) sortFrom(parts, marks);
    return parts;
  }

  #decompositionOf(codePoint: number): readonly number[] {
    let parts = this.#cache.get(codePoint);
    if (parts === undefined) {
      const character = String.fromCodePoint(codePoint);
      const form = this.#leftAlone.has(codePoint) ? character : character.normalize(this.#decomposition);
      parts = Array.from(form, (part) => part.codePointAt(0) as number);
      if (this.#cache.size >= MAX_CACHED_CHARACTERS) this.#cache.clear();
      this.#cache.set(codePoint, parts);
    }
    return parts;
  }
}

/** Sorts the tail of the list by rank; equal ranks keep their order. */
function sortFrom(parts: Part[], from: number): void {
  const tail = parts.splice(from).sort((left, right) => left.rank - right.rank);
  for (const part of tail) parts.push(part);
}
