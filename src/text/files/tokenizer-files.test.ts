/** Accepted tokenizer files, and the errors for others. `test/fuzz` reads mutated files. */
import { describe, expect, test } from "vitest";
import { CheckpointError } from "../../errors.ts";
import { fromTokenizerJson, fromVocabulary, separatorsOf, show, smallJson } from "../testing.ts";

const base = smallJson(["hello", "##o", "world"], {}, [{ content: "<x>", normalized: true }]);

function changed(change: (json: typeof base & Record<string, unknown>) => void): string {
  const copy = structuredClone(base);
  change(copy as typeof base & Record<string, unknown>);
  return JSON.stringify(copy);
}

const sequenceOf = (count: number, member: object) => ({
  type: "Sequence",
  normalizers: new Array<object>(count).fill(member),
});

function nested(depth: number): object {
  return depth === 0 ? { type: "BertPreTokenizer" } : { type: "Sequence", pretokenizers: [nested(depth - 1)] };
}

describe("tokenizer.json", () => {
  test("defines the special ids and the vocabulary size", () => {
    const tokenizer = fromTokenizerJson(JSON.stringify(base));
    expect(separatorsOf(tokenizer)).toEqual({ cls: 2, sep: 3 });
    expect(tokenizer.vocabularySize).toBe(8);
  });

  const token = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
  const sequence = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
  const template = {
    type: "TemplateProcessing",
    pair: [token("<s>", 0), sequence("A", 0), token("</s>", 0), token("</s>", 0), sequence("B", 1), token("</s>", 1)],
    special_tokens: { "<s>": { id: "<s>", ids: [4] }, "</s>": { id: "</s>", ids: [5] } },
  };

  test("a template defines the sequence of question and text", () => {
    const json = changed((file) => Object.assign(file, { post_processor: template }));
    expect(fromTokenizerJson(json).pair).toEqual({
      before: [{ id: 4, type: 0 }],
      questionType: 0,
      between: [
        { id: 5, type: 0 },
        { id: 5, type: 0 },
      ],
      textType: 1,
      after: [{ id: 5, type: 1 }],
    });
  });

  test.each<[string, unknown, RegExp]>([
    ["without a pair", { ...template, pair: undefined }, /post_processor\.pair is missing/],
    [
      "without the text",
      { ...template, pair: template.pair.slice(0, 4) },
      /pair is "<s>:0 \$A:0 .*; expected a special/,
    ],
    ["the other way round", { ...template, pair: [...template.pair].reverse() }, /pair is "<\/s>:1 \$B:1/],
    ["without a token before", { ...template, pair: template.pair.slice(1) }, /pair is "\$A:0 /],
    ["with a token that is not there", { ...template, special_tokens: {} }, /names "<s>" in pair/],
    ["with a type that no model has", { ...template, pair: [token("<s>", 2)] }, /post_processor\.pair\.0/],
    ["that only trims", { type: "ByteLevel", trim_offsets: true, add_prefix_space: true }, /adds no special tokens/],
    ["that is not known", { type: "Odd" }, /post_processor\.type is "Odd"; expected one of TemplateProcessing, Bert/],
    ["that adds twice", { type: "Sequence", processors: [template, template] }, /several members that add special/],
    ["with an odd member", { type: "Sequence", processors: [{ type: "Odd" }] }, /processors\[0\]\.type is "Odd"/],
  ])("a post-processor %s is rejected", (_name, post_processor, message) => {
    const json = changed((file) => Object.assign(file, { post_processor }));
    expect(() => fromTokenizerJson(json)).toThrow(message);
    expect(() => fromTokenizerJson(json)).toThrow(CheckpointError);
  });

  test("the trimming of RobertaProcessing and ByteLevel is read, in a sequence too", () => {
    const roberta = { type: "RobertaProcessing", cls: ["[CLS]", 2], sep: ["[SEP]", 3] };
    const trimming = { trim_offsets: true, add_prefix_space: false };
    const members = [{ type: "ByteLevel", ...trimming }, base.post_processor];
    for (const post_processor of [
      { ...roberta, ...trimming },
      { type: "Sequence", processors: members },
    ]) {
      const json = changed((file) => {
        Object.assign(file, { post_processor, normalizer: null, pre_tokenizer: null });
        Object.assign(file.model, { vocab: { ...file.model.vocab, "\u0120hello": 9 } });
        Object.assign(file, { pre_tokenizer: { type: "ByteLevel", add_prefix_space: false } });
      });
      expect(show(fromTokenizerJson(json), "hello hello")).toEqual(["hello@0-5", "\u0120hello@6-11"]);
    }
  });

  test.each<[string, (json: typeof base & Record<string, unknown>) => void, RegExp]>([
    [
      "another model",
      (json) => Object.assign(json.model, { type: "WordLevel" }),
      /model\.type is "WordLevel"; expected one of WordPiece, BPE/,
    ],
    [
      "an old BPE without a type, whose merges name unknown tokens",
      (json) => Object.assign(json.model, { type: undefined, merges: ["hello ##x"] }),
      /merge 1 needs the token "##x", which the vocabulary does not have/,
    ],
    [
      "a merge of three",
      (json) => Object.assign(json.model, { type: "BPE", merges: ["a b c"] }),
      /merges\.0 is "a b c"/,
    ],
    [
      "a normalizer without type",
      (json) => Object.assign(json.normalizer, { type: undefined }),
      /normalizer\.type is missing/,
    ],
    [
      "another normalizer",
      (json) => Object.assign(json, { normalizer: { type: "Sequence", normalizers: [{ type: "Odd" }] } }),
      /normalizer\.normalizers\[0\]\.type is "Odd"; expected one of BertNormalizer, NFC, /,
    ],
    [
      "another pre-tokenizer",
      (json) => Object.assign(json.pre_tokenizer, { type: "UnicodeScripts" }),
      /"UnicodeScripts"; expected one of BertPreTokenizer, ByteLevel, /,
    ],
    [
      "a pattern that cannot be translated",
      (json) => Object.assign(json, { normalizer: { type: "Replace", pattern: { Regex: "a++" }, content: "" } }),
      /normalizer\.pattern is "a\+\+", with the possessive \++; expected a pattern/,
    ],
    [
      "an id no token has",
      (json) => Object.assign(json.post_processor, { cls: ["[CLS]", 77] }),
      /post_processor gives a special token the id 77/,
    ],
    ["a negative id", (json) => Object.assign(json.model.vocab, { hello: -1 }), /"hello" in model\.vocab is -1/],
    ["a fraction", (json) => Object.assign(json.model.vocab, { hello: 1.5 }), /is 1\.5/],
    ["an id twice", (json) => Object.assign(json.model.vocab, { hello: 6 }), /"hello" and "world" both have the id 6/],
    [
      "a contradiction",
      (json) => Object.assign(json.added_tokens[0] ?? {}, { id: 50 }),
      /"\[PAD\]" has the id 50, but .* 0/,
    ],
    [
      "a sequence without end",
      (json) => Object.assign(json, { normalizer: sequenceOf(100_000, { type: "NFC" }) }),
      /normalizer has 100001 components; expected at most 64/,
    ],
    [
      "sequences within sequences",
      (json) => Object.assign(json, { pre_tokenizer: nested(70) }),
      /nests deeper than 64 levels/,
    ],
    [
      "a text that doubles again and again",
      (json) => {
        const replace = { type: "Replace", pattern: { String: "a" }, content: "aa" };
        Object.assign(json, { normalizer: sequenceOf(40, replace) });
      },
      /normalizer makes more than a thousand characters of one/,
    ],
    [
      "a Unigram without an unknown token",
      (json) => Object.assign(json.model, { type: "Unigram", unk_id: null, vocab: [["a", 0]] }),
      /model\.unk_id is null; expected a token id/i,
    ],
    [
      "a score that is NaN, which JSON writes as null",
      (json) => Object.assign(json.model, { type: "Unigram", unk_id: 0, vocab: [["a", Number.NaN]] }),
      /the entry of the vocabulary with the id 0 is \["a", null\]/,
    ],
    [
      "a post-processor without a pair",
      (json) => Object.assign(json, { post_processor: { type: "TemplateProcessing", special_tokens: {} } }),
      /post_processor\.pair is missing/,
    ],
    ["no [UNK]", (json) => Object.assign(json.model, { unk_token: "<unk>" }), /has no <unk>/],
    ["half a pair", (json) => Object.assign(json.model.vocab, { "\ud800": 40 }), /surrogate/],
  ])("%s is rejected", (_name, change, message) => {
    expect(() => fromTokenizerJson(changed(change), "the-file")).toThrow(CheckpointError);
    expect(() => fromTokenizerJson(changed(change), "the-file")).toThrow(message);
    expect(() => fromTokenizerJson(changed(change), "the-file")).toThrow(/^the-file/);
  });

  test("a missing [CLS] without a post-processor is rejected", () => {
    const json = changed((file) => {
      Object.assign(file, { post_processor: null, added_tokens: [] });
      Object.assign(file.model.vocab, { "[CLS]": undefined });
    });
    expect(() => fromTokenizerJson(json)).toThrow(/has no \[CLS\]/);
  });

  test("an old file without a model type is accepted", () => {
    const json = changed((file) => Object.assign(file.model, { type: undefined, max_input_chars_per_word: undefined }));
    expect(show(fromTokenizerJson(json), "helloo")).toEqual(["hello@0-5", "##o@5-6"]);
  });
});

describe("vocab.txt", () => {
  const lines = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "É", "e", "中", "##文", ""].join("\r\n");

  test("needs no configuration", () => {
    const tokenizer = fromVocabulary(lines);
    expect(separatorsOf(tokenizer)).toEqual({ cls: 2, sep: 3 });
    expect(tokenizer.vocabularySize).toBe(8);
    expect(show(tokenizer, "É [SEP]")).toEqual(["e@0-1", "[SEP]@2-7"]);
  });

  test("follows tokenizer_config.json", () => {
    const config = {
      tokenizer_class: "BertTokenizer",
      do_lower_case: false,
      tokenize_chinese_chars: false,
      sep_token: { content: "e", lstrip: true, rstrip: false, single_word: true, normalized: false },
      added_tokens_decoder: { "20": { content: "<x>", special: false } },
    };
    const tokenizer = fromVocabulary(lines, undefined, JSON.stringify(config));
    expect(separatorsOf(tokenizer).sep).toBe(5);
    expect(tokenizer.vocabularySize).toBe(21);
    expect(show(tokenizer, "É e 中文<x>")).toEqual(["É@0-1", "e@1-3", "中@4-5", "##文@5-6", "<x>@6-9"]);
  });

  test.each([
    ["hello\nworld", undefined, /^vocab\.txt: .*2 tokens has no \[UNK\]/],
    [lines, "{", /^tokenizer_config\.json is not JSON/],
    [lines, '{"tokenizer_class":"BertJapaneseTokenizer"}', /tokenizer_class is "BertJapaneseTokenizer"/],
    [lines, '{"do_lower_case":"yes"}', /do_lower_case is "yes"; expected boolean/],
    [lines, '{"added_tokens_decoder":{"-1":{"content":"x"}}}', /the key "-1"/],
    [lines, '{"cls_token":"[XYZ]"}', /^vocab\.txt: the vocabulary of 8 tokens has no \[XYZ\]/],
    [lines, '{"added_tokens_decoder":{"0":{"content":"x"}}}', /"\[PAD\]" and "x" both have the id 0/],
  ])("%#: wrong files are rejected", (vocabulary, config, message) => {
    expect(() => fromVocabulary(vocabulary, undefined, config)).toThrow(CheckpointError);
    expect(() => fromVocabulary(vocabulary, undefined, config)).toThrow(message);
  });
});
