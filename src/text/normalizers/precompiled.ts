/**
 * Precompiled: replaces characters by the character map of a SentencePiece model, which is mostly Unicode's NFKC, with
 * controls removed and all kinds of white space made spaces.
 *
 * Rust looks up a whole grapheme cluster if it has fewer than six bytes in UTF-8, and puts what replaces the shortest
 * beginning of it that the map has in the place of all of it. Of other clusters, every character is looked up by itself.
 *
 * Must stay true: characters and bounds equal those of tokenizers 0.23; time is linear in the text.
 */
import type { AlignedText } from "../aligned-text.ts";
import { codePointsOf } from "../characters.ts";
import { clusterEnd } from "../grapheme-clusters.ts";
import { PREPEND } from "../grapheme-tables.ts";
import { Charsmap, utf8Length } from "./charsmap.ts";
import type { Normalizer } from "./normalizer.ts";
import { TransformBuilder } from "./transform.ts";

const ASCII = 0x80;
/** Below this code unit no two characters join, except CR and LF. */
const FIRST_JOINING = 0x300;
const CR = 0x0d;
/** In bytes. */
const MAX_CLUSTER = 5;

export class PrecompiledNormalizer implements Normalizer {
  readonly needsWholeText: boolean;
  readonly #charsmap: Charsmap;
  /** By code unit: ASCII that the map does not change, unless something joins it. */
  readonly #isPlain: Uint8Array;

  constructor(charsmap: Charsmap) {
    const replacementOf = (character: string) => charsmap.replacementOf(character, 0, character.length);
    this.#charsmap = charsmap;
    this.#isPlain = Uint8Array.from({ length: ASCII }, (_, unit) => {
      return unit !== CR && replacementOf(String.fromCharCode(unit)) === undefined ? 1 : 0;
    });
    // No real map does either: it would take the white space after such a character, or remove white space.
    this.needsWholeText =
      [...codePointsOf(PREPEND)].some((codePoint) => replacementOf(String.fromCodePoint(codePoint)) !== undefined) ||
      [" ", "\t", "\n", "\r"].some((space) => replacementOf(space) === "");
  }

  /** @throws CheckpointError if the map is malformed. */
  static fromBase64(charsmap: string, name: string): PrecompiledNormalizer {
    return new PrecompiledNormalizer(Charsmap.fromBase64(charsmap, name));
  }

  normalize(input: AlignedText): AlignedText {
    const { text } = input;
    let output: TransformBuilder | undefined;
    let kept = 0;
    for (let at = this.#endOfPlain(text, 0); at < text.length; at = this.#endOfPlain(text, at)) {
      const end = clusterEnd(text, at);
      const isShort = bytesUpToLimit(text, at, end) <= MAX_CLUSTER;
      const whole = isShort ? this.#charsmap.replacementOf(text, at, end) : undefined;
      if (whole !== undefined) {
        output ??= new TransformBuilder(input);
        output.keep(kept, at);
        output.replace(charactersIn(text, at, end), whole);
        at = end;
        kept = end;
        continue;
      }
      while (at < end) {
        const next = at + ((text.codePointAt(at) as number) > 0xffff ? 2 : 1);
        const replacement = this.#charsmap.replacementOf(text, at, next);
        if (replacement !== undefined) {
          output ??= new TransformBuilder(input);
          output.keep(kept, at);
          output.replace(1, replacement);
          kept = next;
        }
        at = next;
      }
    }
    if (output === undefined) return input;
    output.keep(kept, text.length);
    return output.build();
  }

  /** The first place from `from` on, a boundary of clusters, where a cluster begins that is not plain. */
  #endOfPlain(text: string, from: number): number {
    let at = from;
    while (this.#isPlain[text.charCodeAt(at)] === 1) {
      const next = at + 1;
      if (next < text.length && text.charCodeAt(next) >= FIRST_JOINING) return at;
      at = next;
    }
    return at;
  }
}

/** The length of text[start, end) in UTF-8, or more than `MAX_CLUSTER`. */
function bytesUpToLimit(text: string, start: number, end: number): number {
  if (end - start > MAX_CLUSTER) return end - start;
  let bytes = 0;
  for (let at = start; at < end; ) {
    const codePoint = text.codePointAt(at) as number;
    bytes += utf8Length(codePoint);
    at += codePoint > 0xffff ? 2 : 1;
  }
  return bytes;
}

function charactersIn(text: string, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; count++) at += (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
  return count;
}
