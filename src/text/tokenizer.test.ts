/** Variants of BERT's tokenizer; the expected values are Hugging Face's. */
import { describe, expect, test } from "vitest";
import { builtin, fromTokenizerJson, show, smallTokenizer } from "./testing.ts";

describe("normaliser", () => {
  test("cased: neither lower case nor stripped accents", () => {
    const tokenizer = smallTokenizer(["É", "##t", "e", "##́"], { lowercase: false });
    expect(show(tokenizer, "Ét ét e\u0301")).toEqual(["É@0-1", "##t@1-2", "[UNK]@3-5", "e@6-7", "##́@7-8"]);
  });

  test("strip_accents without lowercase", () => {
    const tokenizer = smallTokenizer(["E", "##t"], { lowercase: false, strip_accents: true });
    expect(show(tokenizer, "Ét E\u0301\u0302t")).toEqual(["E@0-1", "##t@1-2", "E@3-4", "##t@6-7"]);
  });

  test("lowercase without strip_accents: both results of one character have its offsets", () => {
    const tokenizer = smallTokenizer(["i", "##\u0307", "##s", "é"], { strip_accents: false });
    expect(show(tokenizer, "İs É")).toEqual(["i@0-1", "##\u0307@0-1", "##s@1-2", "é@3-4"]);
  });

  test("no final-sigma rule", () => {
    expect(show(smallTokenizer(["σισ"]), "ΣΙΣ")).toEqual(["σισ@0-3"]);
  });

  test("ideographs are single words, unless handle_chinese_chars is off", () => {
    expect(show(smallTokenizer(["中", "文"]), "中文")).toEqual(["中@0-1", "文@1-2"]);
    const off = smallTokenizer(["中", "##文"], { handle_chinese_chars: false });
    expect(show(off, "中文")).toEqual(["中@0-1", "##文@1-2"]);
    expect(off.encode("中文").words).toEqual(new Int32Array([0, 0]));
    expect(builtin.encode("中文").words).toEqual(new Int32Array([0, 1]));
  });

  test("clean_text off keeps control characters", () => {
    expect(show(smallTokenizer(["ab"]), "a\u0001b")).toEqual(["ab@0-3"]);
    expect(show(smallTokenizer(["ab"], { clean_text: false }), "a\u0001b")).toEqual(["[UNK]@0-3"]);
  });

  test("unassigned characters are kept, private-use ones removed", () => {
    expect(show(smallTokenizer(["ab"]), "a\u0378b a\ue000b")).toEqual(["[UNK]@0-3", "ab@4-7"]);
  });

  test("the character classes are those of Unicode 8, not the engine's", () => {
    // U+2E43 became punctuation in Unicode 9, U+1DF6 a mark in Unicode 10, U+180E has been a control since 6.3.
    const tokenizer = smallTokenizer(["ab", "a", "b"]);
    expect(show(tokenizer, "a\u2e43b")).toEqual(["[UNK]@0-3"]);
    expect(show(tokenizer, "a\u1df6b")).toEqual(["[UNK]@0-3"]);
    expect(show(tokenizer, "a\u180eb")).toEqual(["ab@0-3"]);
  });

  test("marks that strip_accents keeps are sorted", () => {
    const [late, early] = ["\u302e", "\u1b44"];
    const tokenizer = smallTokenizer(["a", `##${early}`, `##${late}`]);
    expect(show(tokenizer, `a${late}${early}`)).toEqual(["a@0-1", `##${early}@1-2`, `##${late}@2-3`]);
  });

  test("a lone surrogate is U+FFFD, which clean_text removes", () => {
    expect(show(smallTokenizer(["ab"]), "a\ud800b a\udc00b \ud800")).toEqual(["ab@0-3", "ab@4-7"]);
    const tokenizer = smallTokenizer(["a\ufffdb"], { clean_text: false });
    expect(show(tokenizer, "a\ud800b a\udc00b \ud800")).toEqual(["a\ufffdb@0-3", "a\ufffdb@4-7", "[UNK]@8-9"]);
  });

  test("a mark that is kept takes the place of one that NFD moves behind it", () => {
    const tokenizer = smallTokenizer(["a", "##\u{1d165}", "\u{1d1b9}"]);
    expect(show(tokenizer, "a\u0301\u{1d165}")).toEqual(["a@0-1", "##\u{1d165}@1-2"]);
    const decomposed = smallTokenizer(["\u{1d1b9}\u{1d165}"]);
    expect(show(decomposed, "\u{1d1bb}\u309a")).toEqual(["\u{1d1b9}\u{1d165}@0-3"]);
  });
});

describe("WordPiece", () => {
  test("the limit counts code points", () => {
    const json = { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "@", max_input_chars_per_word: 2 };
    const vocab = { "[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "😀": 4, "@😀": 5 };
    const tokenizer = fromTokenizerJson(
      JSON.stringify({
        normalizer: { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, lowercase: true },
        pre_tokenizer: { type: "BertPreTokenizer" },
        model: { ...json, vocab },
      }),
    );
    expect(show(tokenizer, "😀😀 😀😀😀")).toEqual(["😀@0-2", "@😀@2-4", "[UNK]@5-11"]);
  });

  test("names of Object's properties are ordinary words", () => {
    const words = ["constructor", "prototype", "tostring"];
    expect(show(smallTokenizer(words), "constructor prototype toString __proto__")).toEqual([
      "constructor@0-11",
      "prototype@12-21",
      "tostring@22-30",
      "[UNK]@31-32",
      "[UNK]@32-33",
      "[UNK]@33-38",
      "[UNK]@38-39",
      "[UNK]@39-40",
    ]);
  });
});

describe("added tokens", () => {
  test("special tokens in the text match exactly", () => {
    const tokenizer = smallTokenizer(["a"]);
    expect(show(tokenizer, "a[SEP]a [sep]")).toEqual([
      "a@0-1",
      "[SEP]@1-6",
      "a@6-7",
      "[UNK]@8-9",
      "[UNK]@9-12",
      "[UNK]@12-13",
    ]);
    expect(tokenizer.encode("a[SEP]a").words).toEqual(new Int32Array([0, 1, 2]));
  });

  test("lstrip and rstrip include neighbouring white space", () => {
    const tokenizer = smallTokenizer(["a", "b"], {}, [{ content: "<x>", lstrip: true, rstrip: true }]);
    expect(show(tokenizer, "a <x>  b <x><x> a")).toEqual([
      "a@0-1",
      "<x>@1-7",
      "b@7-8",
      "<x>@8-12",
      "<x>@12-16",
      "a@16-17",
    ]);
    expect(show(tokenizer, "a\u3000<x>\u000b\u0085b")).toEqual(["a@0-1", "<x>@1-7", "b@7-8"]);
  });

  test("a token that begins in stripped white space overlaps, as in Hugging Face", () => {
    const tokenizer = smallTokenizer(["a", "b"], {}, [{ content: "<x>", rstrip: true }, { content: " y" }]);
    expect(show(tokenizer, "a <x> y b")).toEqual(["a@0-1", "<x>@2-6", " y@5-7", "b@8-9"]);
  });

  test("single_word", () => {
    const added = [
      { content: "ab", single_word: true },
      { content: "abb", single_word: true },
    ];
    const tokenizer = smallTokenizer(["a", "##b"], {}, added);
    expect(show(tokenizer, "abbb ab,abb")).toEqual([
      "a@0-1",
      "##b@1-2",
      "##b@2-3",
      "##b@3-4",
      "ab@5-7",
      "[UNK]@7-8",
      "abb@8-11",
    ]);
    expect(show(tokenizer, "𝒳ab")).toEqual(["[UNK]@0-4"]);
    expect(show(tokenizer, "😀ab")).toEqual(["[UNK]@0-2", "ab@2-4"]);
  });

  test("leftmost-longest match", () => {
    const tokenizer = smallTokenizer(["x"], {}, [{ content: "[[x]]" }, { content: "[[" }]);
    expect(show(tokenizer, "[[[x]] [[x]]")).toEqual([
      "[[@0-2",
      "[UNK]@2-3",
      "x@3-4",
      "[UNK]@4-5",
      "[UNK]@5-6",
      "[[x]]@7-12",
    ]);
  });

  test("normalized: matches in the normalised text", () => {
    const added = [{ content: "FOO", normalized: true, lstrip: true, rstrip: true }];
    const tokenizer = smallTokenizer(["a", "b", "中"], {}, added);
    expect(show(tokenizer, "aFOOb  F\u0301oo")).toEqual(["a@0-1", "FOO@1-4", "b@4-5", "FOO@5-11"]);
    // The spaces added around an ideograph have its offsets.
    expect(show(tokenizer, "中foo中 foo")).toEqual(["中@0-1", "FOO@0-5", "中@4-5", "FOO@4-9"]);
  });
});

test("an unknown id has a readable token", () => {
  expect(builtin.token(99_999)).toBe("(no token 99999)");
});
