/** Unigram alone, and beside Hugging Face's on random vocabularies and awkward texts. */
import { createRequire } from "node:module";
import { describe, expect, test } from "vitest";
import { awkwardTexts } from "../../test/support/awkward-texts.ts";
import { CheckpointError } from "../errors.ts";
import { seededUniform } from "../tensor/random.ts";
import { asSerdeJsonReads } from "./serde-json.ts";
import { Unigram, type UnigramOptions } from "./unigram.ts";

const { Tokenizer } = createRequire(import.meta.url)("tokenizers") as typeof import("tokenizers");

type Vocab = readonly (readonly [piece: string, score: number])[];

const small: Vocab = [["<unk>", 0], ["a", -1], ["b", -2], ["ab", -2.5], ["abc", -2.5], ["é", -3], ["😀", -4], ["ba", -3]]; // biome-ignore format: a table
const byteVocab: Vocab = Array.from({ length: 256 }, (_, byte) => {
  return [`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`, 0];
});

const unigram = (vocab: readonly unknown[], options: Partial<UnigramOptions> = {}) =>
  new Unigram({ vocab, unknownId: 0, byteFallback: false, isJson: false, name: "tokenizer.json", ...options });

/** Each token with its bounds: `ab@0-2`. */
function show(model: Unigram, text: string): string {
  const pieces = model.tokenize(text, 0, text.length);
  const tokens: string[] = [];
  for (let index = 0; index < pieces.length; index += 3) {
    tokens.push(`${model.tokenOf(pieces[index] as number)}@${pieces[index + 1]}-${pieces[index + 2]}`);
  }
  return tokens.join(" ");
}

describe("a word", () => {
  test("is cut where the sum of scores is highest", () => {
    expect(show(unigram(small), "abcab")).toBe("abc@0-3 ab@3-5");
    expect(show(unigram(small), "é😀a")).toBe("é@0-1 😀@1-3 a@3-4");
  });

  test("is cut late rather than early, of equal sums", () => {
    // a + ba and ab + a are both -4; ab + a and a + ba differ in where they end.
    const equal: Vocab = [["<unk>", 0], ["a", -1], ["ab", -3], ["ba", -3]]; // biome-ignore format: a table
    expect(show(unigram(equal), "aba")).toBe("a@0-1 ba@1-3");
  });

  test("may be inside a text", () => {
    expect([...unigram(small).tokenize("xxabxx", 2, 4)]).toEqual([3, 0, 2]);
  });

  test("is looked up again after the cache was full", () => {
    const model = unigram(small);
    for (let index = 0; index < 40_000; index++) model.tokenize(`${index}`, 0, 1);
    expect(show(model, "ab")).toBe("ab@0-2");
  });
});

describe("unknown characters", () => {
  test("are one token where they are neighbours", () => {
    expect(show(unigram(small), "axyб𐐀b")).toBe("a@0-1 <unk>@1-6 b@6-7");
  });

  test("fuse with the unknown token's own text", () => {
    expect(show(unigram(small), "x<unk>xa")).toBe("<unk>@0-7 a@7-8");
  });

  test("are a piece if they are one together", () => {
    // Positive scores: two unknown characters score 2 · (15 - 10), more than the piece.
    const vocab: Vocab = [["<unk>", 15], ["xy", 15]]; // biome-ignore format: a table
    expect(show(unigram(vocab, { unknownId: 0 }), "xy")).toBe("xy@0-2");
  });

  test("are their bytes with byte fallback, each with the bounds of all of them", () => {
    const model = unigram([...small, ...byteVocab], { byteFallback: true });
    expect(show(model, "aßxb")).toBe("a@0-1 <0xC3>@1-3 <0x9F>@1-3 <0x78>@1-3 b@3-4");
    expect(show(model, "\ud800")).toBe("<0xEF>@0-1 <0xBF>@0-1 <0xBD>@0-1");
  });

  test("stay unknown if a byte is no piece, and without byte fallback", () => {
    expect(show(unigram([...small, ...byteVocab.slice(0, 0x90)], { byteFallback: true }), "ßx")).toBe("<unk>@0-2");
    expect(show(unigram([...small, ...byteVocab]), "ßx")).toBe("<unk>@0-2");
  });

  test("include half a surrogate pair, which is U+FFFD", () => {
    expect(show(unigram(small), "a\ud83da")).toBe("a@0-1 <unk>@1-2 a@2-3");
    expect(show(unigram([...small, ["\ufffd", -1]]), "\ude00\ud83d")).toBe("\ufffd@0-1 \ufffd@1-2");
  });
});

describe("the vocabulary", () => {
  test("gives ids and pieces", () => {
    const model = unigram([...small, ["ab", -9]]);
    expect([model.size, model.idOf("ab"), model.idOf("é"), model.idOf("zz"), model.idOf("")]).toEqual([
      9,
      8,
      5,
      undefined,
      undefined,
    ]);
    expect([model.tokenOf(6), model.tokenOf(-1), model.tokenOf(9), model.tokenOf(0.5)]).toEqual([
      "😀",
      undefined,
      undefined,
      undefined,
    ]);
  });

  test.each([
    ["a score that is NaN", { vocab: [["a", Number.NaN]] }, "id 0"],
    ["an infinite score", { vocab: [["a", 0], ["b", Number.POSITIVE_INFINITY]] }, "id 1"], // biome-ignore format: a table
    ["no score", { vocab: [["a"]] }, "id 0"],
    ["a piece that is a number", { vocab: [[1, 2]] }, "id 0"],
    ["null", { vocab: [null] }, "id 0"],
    ["no pieces", { vocab: [] }, "0 pieces"],
    ["an unknown id beyond the end", { vocab: small, unknownId: 8 }, "8 pieces"],
    ["a fractional unknown id", { vocab: small, unknownId: 0.5 }, "0.5"],
    ["half a surrogate pair", { vocab: [["a\ud800", 0]] }, "half a surrogate pair"],
    ["a piece of 513 characters", { vocab: [["a".repeat(513), 0]] }, "513 characters"],
    ["too many pieces", { vocab: new Array(600_001).fill(["a", 0]) }, "600000"],
  ])("is refused with %s", (_name, { vocab, ...options }: { vocab: readonly unknown[]; unknownId?: number }, words) => {
    const load = () => unigram(vocab, options);
    expect(load).toThrow(CheckpointError);
    expect(load).toThrow(words);
  });
});

describe("the same as Hugging Face", () => {
  function tokenizerJson(vocab: Vocab, byteFallback: boolean): string {
    const parts = { truncation: null, padding: null, normalizer: null, pre_tokenizer: null, post_processor: null };
    const model = { type: "Unigram", unk_id: 0, vocab, byte_fallback: byteFallback };
    return JSON.stringify({ version: "1.0", ...parts, added_tokens: [], decoder: null, model });
  }

  async function expectSame(vocab: Vocab, texts: readonly string[], byteFallback = false): Promise<void> {
    const theirs = Tokenizer.fromString(tokenizerJson(vocab, byteFallback));
    const model = unigram(vocab, { byteFallback, isJson: true });
    for (const text of texts) {
      const expected = await theirs.encode(text, null, { addSpecialTokens: false });
      const pieces = model.tokenize(text, 0, text.length);
      const place = (unit: number | undefined) => Array.from(text.slice(0, unit)).length;
      const ids = pieces.filter((_, index) => index % 3 === 0);
      const offsets = ids.map((_, index) => [place(pieces[3 * index + 1]), place(pieces[3 * index + 2])]);
      expect({ text, ids, offsets }).toEqual({ text, ids: expected.getIds(), offsets: expected.getOffsets() });
    }
  }

  /** All short strings of a few characters are frequent in texts of the same characters, so paths often tie. */
  function random(seed: number, score: (uniform: () => number) => number): [Vocab, string[]] {
    const uniform = seededUniform(seed);
    const letters = ["a", "b", "é", "😀"];
    const word = (length: number) =>
      Array.from({ length }, () => (uniform() < 0.05 ? "<unk>" : letters[Math.floor(uniform() ** 2 * 4)])).join("");
    const pieces = new Set(Array.from({ length: 12 }, () => word(1 + Math.floor(uniform() * 4))));
    const vocab: Vocab = [["<unk>", 0], ...[...pieces].map((piece) => [piece, score(uniform)] as const)];
    const texts = Array.from({ length: 30 }, () => word(1 + Math.floor(uniform() * 20)));
    return [vocab, [...texts, ...Array.from({ length: 30 }, (_, index) => "a".repeat(index + 1))]];
  }

  test.each([
    ["float32 scores", (uniform: () => number) => Math.fround(-1 - 14 * uniform())],
    ["float64 scores", (uniform: () => number) => -1 - 14 * uniform()],
    ["few different scores", (uniform: () => number) => -Math.floor(uniform() * 3)],
    ["positive scores", (uniform: () => number) => 5 + Math.floor(uniform() * 30)],
  ])("random vocabularies with %s", async (_name, score) => {
    for (let seed = 1; seed <= 12; seed++) await expectSame(...random(seed, score));
  });

  test("awkward texts, with and without byte fallback", async () => {
    const texts = awkwardTexts(300, 1, { loneSurrogates: true }).filter((text) => text !== "");
    const letters = new Map([...texts.slice(0, 150).join("")].map((letter, index) => [letter, -5 - (index % 97) / 8]));
    const pairs = texts.slice(0, 150).map((text, index) => [[...text].slice(0, 3).join(""), -9 - index / 64] as const);
    const wellFormed = [...letters, ...pairs].filter(([piece]) => !/\p{Cs}/u.test(piece));
    const vocab: Vocab = [["<unk>", 0], ...new Map(wellFormed)];
    await expectSame(vocab, texts);
    await expectSame([...vocab, ...byteVocab], texts, true);
  });
});

test("numbers of 17 digits are read with serde_json's error, others exactly", () => {
  const values = [0, -1, 0.1, -3.031566858291626, 1e-7, 123456789, -2.5e21];
  expect(values.map(asSerdeJsonReads)).toEqual(values);
  expect(asSerdeJsonReads(-11.378912925720215)).toBe(-11.378912925720217);
});

test("time is linear: as many equal characters as one likes, known and unknown", () => {
  const model = unigram([...small, ...Array.from({ length: 15 }, (_, index) => ["a".repeat(index + 2), -2 - index])]);
  const count = (text: string) => model.tokenize(text, 0, text.length).length / 3;
  expect(count("a".repeat(160_000))).toBe(10_000);
  expect(count("x".repeat(160_000))).toBe(1);
});
