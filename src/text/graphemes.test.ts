import fc from "fast-check";
import { expect, test } from "vitest";
import { Graphemes } from "./graphemes.ts";

/** Characters of each class in UAX #29's table, and plain text. */
const pieces = [
  ..."a1 .é中あ한\r\n\t\u0000\u00ad©®",
  "\u0301", "\u0302", "\u200d", "\u200c", "\ufe0f", "\u20e3", // marks, joiners, selectors
  "\u1112", "\u1161", "\u11ab", "\uac00", "\uac01", // jamo and syllables
  "\u0915", "\u094d", "\u0937", "\u093f", "\u0e40", "\u0e33", "\u0e48", "\u0eb3", // Devanagari, Thai, Lao
  "\u0600", "\u0d4e", "\u{110bd}", "\u{11a84}", "\uff9e", // prepended, and letters that are marks
  "❤", "👩", "👧", "🏽", "🇩", "🇪", "\u{e0067}", "\ud800", "\udc00", "\u2028",
]; // biome-ignore format: a table

const texts = fc.array(fc.constantFrom(...pieces), { maxLength: 60 }).map((parts) => parts.join(""));

/** The definition: segment the whole text. */
function boundariesOf(text: string): Set<number> {
  const clusters = new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text);
  return new Set([...Array.from(clusters, ({ index }) => index), text.length]);
}

function expectBoundaries(text: string, places: readonly number[]): void {
  const boundaries = boundariesOf(text);
  const graphemes = new Graphemes(text);
  for (const place of places) {
    let [before, after] = [place, place];
    while (!boundaries.has(before)) before--;
    while (!boundaries.has(after)) after++;
    expect([graphemes.startBefore(place), graphemes.endAfter(place)], `${JSON.stringify(text)} at ${place}`).toEqual([
      before,
      after,
    ]);
  }
}

test("boundaries equal those of segmenting the whole text, in any order of queries", () => {
  fc.assert(
    fc.property(texts, fc.infiniteStream(fc.nat()), (text, stream) => {
      const inOrder = Array.from({ length: text.length + 1 }, (_, place) => place);
      expectBoundaries(text, inOrder);
      expectBoundaries(
        text,
        [...stream.take(10)].map((place) => place % (text.length + 1)),
      );
    }),
    { numRuns: 2000 },
  );
});

test("long texts, and clusters longer than one segmented stretch", () => {
  const long = `${"Chloe\u0301 🇩🇪 ".repeat(2000)}e${"\u0301".repeat(1500)} end`;
  expectBoundaries(long, [0, 5, 6, 10, 11, 13, 9999, 10_000, 22_001, 22_500, long.length - 4, long.length]);
});
