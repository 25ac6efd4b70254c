/** Tokenising takes time linear in the text. */
import { readFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { tokenizerFixture, tokenizerOf } from "../../test/support/tokenizer-fixtures.ts";
import { alignedText } from "./aligned-text.ts";
import { Graphemes } from "./graphemes.ts";
import { Charsmap } from "./normalizers/charsmap.ts";
import { PrecompiledNormalizer } from "./normalizers/precompiled.ts";
import { builtin, smallTokenizer } from "./testing.ts";

const SHORT = 100_000;
const LONG = 1_000_000;
/** Ten times the text may take thirty times as long; quadratic work takes a hundred times. */
const MAX_RATIO = 30;
/** Times below this are noise, milliseconds. */
const NOISE = 20;

const spaces = smallTokenizer(["a"], {}, [
  { content: " ", lstrip: true, rstrip: true },
  { content: "<x>", lstrip: true, rstrip: true, normalized: true },
]);

test.each([
  ["one letter", "a", builtin],
  ["one bracket", "[", builtin],
  ["beginnings of special tokens", "[CL[MAS[SE", builtin],
  ["special tokens", "[MASK]", builtin],
  ["combining marks", "\u0301\u0323", builtin],
  ["combining marks that strip_accents keeps", "\u{1d16d}\u{1d165}", builtin],
  ["ideographs", "中", builtin],
  ["Hangul", "한국어", builtin],
  ["lone surrogates", "\ud800", builtin],
  ["words of 99 letters whose last one is unknown", `${"abcdefghijk".repeat(9)}\u2603 `, builtin],
  ["added tokens made of white space", " ", spaces],
  ["added tokens that strip white space", "<x>      ", spaces],
])("%s", (_name, unit, tokenizer) => {
  expectLinear(unit, (text) => tokenizer.encode(text));
});

describe.each(["roberta", "modernbert", "xlm-roberta", "deberta-v2"])("the tokenizer of %s", (family) => {
  const tokenizer = tokenizerOf(tokenizerFixture(family));

  test.each(["a", " ", "\n", "中", "\u0301", "a ", "e\u0301\u0323", "<mask> "])("%j", (unit) => {
    expectLinear(unit, (text) => tokenizer.encode(text));
  });
});

const charsmap = readFileSync(new URL("../../test/fixtures/charsmaps/nmt_nfkc.br", import.meta.url));
const precompiled = new PrecompiledNormalizer(new Charsmap(brotliDecompressSync(charsmap), "nmt_nfkc"));

test.each(["a\u0301", "\u0301", "\x01", "\u200d👩", "가", "\u1161", "क\u094d", "\r\n", "™", "a"])(
  "a character map, with %j",
  (unit) => expectLinear(unit, (text) => precompiled.normalize(alignedText(text, 0, text.length))),
);

function expectLinear(unit: string, work: (text: string) => void): void {
  const time = (length: number) => {
    const text = unit.repeat(length / unit.length);
    // CPU time of this process, independent of the machine's load.
    const before = process.cpuUsage();
    work(text);
    return process.cpuUsage(before).user / 1000;
  };
  time(SHORT);
  const short = Math.max(NOISE, Math.min(time(SHORT), time(SHORT)));
  const first = time(LONG) / short;
  // The better of two, where one does not decide it.
  expect(first < MAX_RATIO ? first : Math.min(first, time(LONG) / short)).toBeLessThan(MAX_RATIO);
}

test("the boundaries of a text that has no certain one", () => {
  const time = (length: number) => {
    const graphemes = new Graphemes("👩\u200d👧".repeat(length / 5));
    const began = performance.now();
    for (let place = 0; place < length; place++) graphemes.startBefore(place);
    return performance.now() - began;
  };
  // The best of some: a pause of the machine is no fault.
  const best = (length: number) => Math.min(...Array.from({ length: 3 }, () => time(length)));
  best(20_000);
  expect(best(200_000) / best(20_000)).toBeLessThan(40);
});
