/**
 * What joins what in grapheme clusters equals the Rust crate's, in contexts that show it: for every code point,
 * except that of ideographs, Hangul, private use and the unassigned ones between blocks every 61st is enough.
 */
import { precompiled } from "tokenizers";
import { expect, test } from "vitest";
import { alignedText } from "../aligned-text.ts";
import { Charsmap } from "./charsmap.ts";
import { PrecompiledNormalizer } from "./precompiled.ts";
import { encodeCharsmap } from "./testing/charsmap-writer.ts";

/** A cluster of at most five bytes is replaced whole, so that its last characters vanish. */
const map = encodeCharsmap({
  a: "X",
  "\u0301": "Y",
  "©": "C",
  "\u0600": "P",
  क: "K",
  "\u1100": "L",
  "\u1161": "V",
  가: "G",
  각: "H",
});

const BATCH = 4096;
const SPARSE = [
  [0x3400, 0xa000],
  [0xac1d, 0xd780],
  [0xe000, 0xf900],
  [0x13500, 0x16000],
  [0x17000, 0x1bc00],
  [0x20000, 0xe0000],
  [0xe1000, 0x110000],
] as const;
const isSparse = (codePoint: number) => SPARSE.some(([from, to]) => codePoint >= from && codePoint < to);
const characters = Array.from({ length: 0x110000 }, (_, codePoint) => codePoint)
  .filter((codePoint) => codePoint !== 0 && (codePoint & 0xfffff800) !== 0xd800)
  .filter((codePoint) => !isSparse(codePoint) || codePoint % 61 === 0)
  .map((codePoint) => String.fromCodePoint(codePoint));

test.each([
  ["after a letter", (x: string) => `a${x}`],
  ["before a letter", (x: string) => `${x}a`],
  ["after a prepended character", (x: string) => `\u0600${x}`],
  ["after a linker", (x: string) => `क\u094d${x}\u0301`],
  ["after a conjunct", (x: string) => `क\u094dक${x}`],
  ["before a linker", (x: string) => `क${x}\u094dक\u0301`],
  ["in an emoji sequence", (x: string) => `😀${x}\u200d©\u0301`],
  ["at the end of an emoji sequence", (x: string) => `©\u200d${x}\u0301`],
  ["at the start of an emoji sequence", (x: string) => `${x}\u200d©\u0301`],
  ["after a leading consonant", (x: string) => `\u1100${x}\u0301`],
  ["after a vowel", (x: string) => `\u1161${x}\u0301`],
  ["after an open syllable", (x: string) => `가${x}\u0301`],
  ["after a closed syllable", (x: string) => `각${x}\u0301`],
])("%s", (_name, context) => {
  const theirs = precompiled([...map]);
  const ours = new PrecompiledNormalizer(new Charsmap(map, "a map"));
  for (let from = 0; from < characters.length; from += BATCH) {
    const text = characters
      .slice(from, from + BATCH)
      .map((character) => `b${context(character)}`)
      .join("b");
    expect(ours.normalize(alignedText(text, 0, text.length)).text).toBe(theirs.normalizeString(text));
  }
});
