/**
 * Normalizers that map every character to a string by itself: Lowercase, StripAccents, Nmt and ByteLevel.
 *
 * Must stay true: what a character becomes has its bounds; time is linear.
 */
import { AlignedBuilder, type AlignedText } from "../aligned-text.ts";
import { byteCharactersOf } from "../byte-characters.ts";
import { characterClasses, codePointsOf, MARK } from "../characters.ts";
import type { Normalizer } from "./normalizer.ts";

const MAX_CACHED_CHARACTERS = 16_384;

/** What a character becomes. */
type CharacterMap = (character: string, codePoint: number) => string;

export class CharacterNormalizer implements Normalizer {
  readonly #map: CharacterMap;
  readonly #cache = new Map<number, string>();

  constructor(map: CharacterMap) {
    this.#map = map;
  }

  normalize(input: AlignedText): AlignedText {
    const { text } = input;
    let output: AlignedBuilder | undefined;
    let copied = 0;
    for (let at = 0; at < text.length; ) {
      const codePoint = text.codePointAt(at) as number;
      const end = at + (codePoint > 0xffff ? 2 : 1);
      const mapped = this.#mapped(codePoint);
      if (mapped.length !== end - at || mapped !== text.slice(at, end)) {
        output ??= new AlignedBuilder(input);
        output.copy(copied, at);
        output.insert(mapped, at);
        copied = end;
      }
      at = end;
    }
    if (output === undefined) return input;
    output.copy(copied, text.length);
    return output.build();
  }

  #mapped(codePoint: number): string {
    let mapped = this.#cache.get(codePoint);
    if (mapped === undefined) {
      mapped = this.#map(String.fromCodePoint(codePoint), codePoint);
      if (this.#cache.size >= MAX_CACHED_CHARACTERS) this.#cache.clear();
      this.#cache.set(codePoint, mapped);
    }
    return mapped;
  }
}

/** One character at a time: on a whole word JavaScript applies the final-sigma rule, Rust does not. */
export const lowercase = () => new CharacterNormalizer((character) => character.toLowerCase());

/** Removes all marks. It does not decompose: an NFD before it does. */
export function stripAccents(): CharacterNormalizer {
  const classes = characterClasses();
  return new CharacterNormalizer((character, codePoint) => {
    return ((classes[codePoint] as number) & MARK) === 0 ? character : "";
  });
}

const NMT_REMOVED = new Set(codePointsOf("1-8 b e-1f 7f 8f 9f"));
const NMT_SPACE = new Set(codePointsOf("9-a c-d 1680 200b-200f 2028-2029 2581 feff fffd"));

/** SentencePiece's cleaning for translation models. */
export const nmt = () =>
  new CharacterNormalizer((character, codePoint) => {
    if (NMT_REMOVED.has(codePoint)) return "";
    return NMT_SPACE.has(codePoint) ? " " : character;
  });

/** Every byte of a character's UTF-8 becomes a printable character. */
export const byteLevel = () => new CharacterNormalizer(byteCharactersOf);
