/** Precompiled equals Hugging Face's Rust tokenizers in characters and bounds, with a real character map and small odd ones. */
import { readFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";
import { precompiled, Tokenizer as Theirs } from "tokenizers";
import { describe, expect, test } from "vitest";
import { awkwardTexts } from "../../../test/support/awkward-texts.ts";
import { CheckpointError } from "../../errors.ts";
import { seededUniform } from "../../tensor/random.ts";
import { alignedText } from "../aligned-text.ts";
import { Charsmap } from "./charsmap.ts";
import { PrecompiledNormalizer } from "./precompiled.ts";
import { encodeCharsmap } from "./testing/charsmap-writer.ts";

/** That of XLM-RoBERTa, ALBERT and DeBERTa-v3. */
const real = brotliDecompressSync(
  readFileSync(new URL("../../../test/fixtures/charsmaps/nmt_nfkc.br", import.meta.url)),
);
/** Of every class of character that joins others, so that what is joined to what can be seen. */
const odd = encodeCharsmap({
  a: "X",
  "a\u0301": "longer key",
  "\r": "R",
  "\r\n": "never found",
  "\t": "",
  "\x01": "",
  "\u0301": "",
  "©": "(c)",
  "\u0600": "P",
  "\u0600a": "never found",
  क: "K",
  "\u094d": "",
  가: "ga",
  "\u1161": "A",
  é: "e\u0301\u0302",
  "\ufeff": "\ufeffB",
  "😀": ":)",
  "\u3000\u3000": "never found",
});

function pairOf(bytes: Uint8Array) {
  const charsmap = Buffer.from(bytes).toString("base64");
  const ours = PrecompiledNormalizer.fromBase64(charsmap, "a map");
  const normalizer = { type: "Precompiled", precompiled_charsmap: charsmap };
  const pre_tokenizer = { type: "Split", pattern: { Regex: "[\\s\\S]" }, behavior: "Isolated", invert: false };
  const model = { type: "Unigram", unk_id: 0, vocab: [["<unk>", 0]] };
  const parts = { truncation: null, padding: null, normalizer, pre_tokenizer, post_processor: null, decoder: null };
  const theirs = Theirs.fromString(JSON.stringify({ version: "1.0", added_tokens: [], ...parts, model }));
  const theirNormalizer = precompiled([...bytes]);
  return {
    ours: (text: string) => {
      const { text: normalized, starts, ends } = ours.normalize(alignedText(text, 0, text.length));
      const place = placesIn(text);
      const offsets: [number, number][] = [];
      for (let at = 0; at < normalized.length; at += (normalized.codePointAt(at) as number) > 0xffff ? 2 : 1) {
        offsets.push([place(starts[at]), place(ends[at])]);
      }
      return { normalized, offsets };
    },
    theirs: async (text: string) => ({
      normalized: theirNormalizer.normalizeString(text),
      offsets: (await theirs.encode(text, null, { addSpecialTokens: false })).getOffsets(),
    }),
  };
}

/** From UTF-16 code units to code points. */
function placesIn(text: string): (unit: number | undefined) => number {
  const places: number[] = [];
  let place = 0;
  for (const character of text) {
    for (let unit = 0; unit < character.length; unit++) places.push(place);
    place++;
  }
  return (unit = -1) => places[unit] ?? place;
}

async function expectSame({ ours, theirs }: ReturnType<typeof pairOf>, texts: Iterable<string>): Promise<void> {
  for (const text of texts) expect({ text, ...ours(text) }).toEqual({ text, ...(await theirs(text)) });
}

/** What joins, is joined, is changed, removed or none of these. */
const characters = [
  ..."ab \t\r\n\x01\x7f\u0085\u00a0\u00ad™ﷺﬁé½…",
  ..."\u0300\u0301\u0327\u0345\u20e3\ufe0f\u200b\u200c\u200d\ufeff\u2028\u3000",
  ..."\u0600\u0903\u0915\u0937\u093f\u094d\u0d4e\u0e01\u0e33\u0f71\u0f72\u0f81",
  ..."\u1100\u1161\u11a8\uac00\uac01\ud7b0\uff76\uff9e\uffa1",
  ..."©®❤😀👩🏽🇩🇪🏴\u{e0067}\u{e007f}\u{1d15e}\u{1d165}\u{11347}\u{1133e}\u{110bd}\u{1f1e6}",
];

function* randomTexts(count: number, seed: number): Generator<string> {
  const random = seededUniform(seed);
  for (let index = 0; index < count; index++) {
    const length = 1 + Math.floor(random() ** 2 * 14);
    yield Array.from({ length }, () => characters[Math.floor(random() * characters.length)]).join("");
  }
}

describe.each([
  ["nmt_nfkc", pairOf(real)],
  ["an odd map", pairOf(odd)],
])("the same as Hugging Face with %s", (_name, both) => {
  test("random clusters", () => expectSame(both, randomTexts(800, 1)));
  test("awkward texts", () => expectSame(both, awkwardTexts(200, 3)));
  test("characters of every plane", async () => {
    const random = seededUniform(5);
    const codePoint = () => Math.floor(random() * (random() < 0.7 ? 0x3000 : random() < 0.7 ? 0x20000 : 0x110000));
    const letter = () => {
      const drawn = codePoint();
      return drawn === 0 || (drawn & 0xfffff800) === 0xd800 ? "a" : String.fromCodePoint(drawn);
    };
    const texts = Array.from({ length: 400 }, () => `a${letter()}\u0301${letter()}${letter()}a`);
    await expectSame(both, texts);
  });
});

test("what is removed at the start of a text shifts all bounds, as in Rust", () => {
  const { ours } = pairOf(real);
  expect(ours("\x01ab").offsets).toEqual([
    [0, 1],
    [1, 2],
  ]);
});

test("lone surrogates do not throw", () => {
  const { ours } = pairOf(real);
  for (const text of ["\ud800", "a\udc00\u0301", "\udc00\ud800"]) expect(ours(text).normalized).toBe(text);
});

test("only a map that may change white space elsewhere needs the whole text", () => {
  const needs = (entries: Record<string, string>) =>
    new PrecompiledNormalizer(new Charsmap(encodeCharsmap(entries), "a map")).needsWholeText;
  expect(new PrecompiledNormalizer(new Charsmap(real, "a map")).needsWholeText).toBe(false);
  expect([needs({ "\u0600": "P" }), needs({ " ": "" }), needs({ " ": "_" })]).toEqual([true, true, false]);
});

describe("a malformed map is refused", () => {
  const refused = (bytes: Uint8Array, message: RegExp) => {
    const read = () => new Charsmap(bytes, "file.json: charsmap");
    expect(read).toThrow(CheckpointError);
    expect(read).toThrow(message);
    expect(read).toThrow(/^file\.json: charsmap /);
  };
  const words = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);

  test.each([
    ["empty", new Uint8Array(), /has 0 bytes, and its trie 0/],
    ["cut off in its length", Uint8Array.of(4, 0, 0), /has 3 bytes/],
    ["without a trie", words(0), /has 4 bytes, and its trie 0/],
    ["with a trie that is longer than it", real.subarray(0, 1000), /has 1000 bytes, and its trie 179200/],
    ["with replacements that are not UTF-8", Uint8Array.of(...words(4, 0), 0xff), /not UTF-8/],
    [
      "with a replacement that is too long",
      Uint8Array.of(...words(4, 0), ...new Uint8Array(1025).fill(97)),
      /a string by one of 1025 bytes; expected at most 1024/,
    ],
  ])("%s", (_name, bytes, message) => refused(bytes, message));

  test.each(["a", "YWJ", "YW=j", "YWJj\n", "YW-_"])("base64 %j", (text) => {
    expect(() => Charsmap.fromBase64(text, "x")).toThrow(/base64/);
  });

  test("a trie that points outside of itself, or in circles, finds nothing", () => {
    const units: number[][] = [[0x1ffffc00], [0xfffffe00], Array.from({ length: 256 }, (_, byte) => byte | 0x100)];
    for (const trie of units) {
      const charsmap = new Charsmap(words(trie.length * 4, ...trie), "x");
      for (const text of ["a", "aaaa", "é", "😀"]) charsmap.replacementOf(text, 0, text.length);
    }
    expect(new Charsmap(words(4, 0x1ffffc00), "x").replacementOf("a", 0, 1)).toBeUndefined();
  });

  test("a leaf outside of the replacements, or inside a character, is none", () => {
    const bytes = encodeCharsmap({ a: "é" });
    const leaf = bytes.lastIndexOf(0x80) - 3;
    const found = [0, 1, 2, 3, 4].map((place) => {
      bytes[leaf] = place;
      return new Charsmap(bytes, "x").replacementOf("a", 0, 1);
    });
    expect(found).toEqual(["é", undefined, "", "", undefined]);
  });
});
