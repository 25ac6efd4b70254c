/** Accepted tokenizer files, and the errors for others. `test/fuzz` reads mutated files. */
import { describe, expect, test } from "vitest";
import { CheckpointError } from "../errors.ts";
import { show, smallJson } from "./testing.ts";
import { Tokenizer } from "./tokenizer.ts";

const base = smallJson(["hello", "##o", "world"], {}, [{ content: "<x>", normalized: true }]);

function changed(change: (json: typeof base & Record<string, unknown>) => void): string {
  const copy = structuredClone(base);
  change(copy as typeof base & Record<string, unknown>);
  return JSON.stringify(copy);
}

describe("tokenizer.json", () => {
  test("defines the special ids and the vocabulary size", () => {
    const tokenizer = Tokenizer.fromTokenizerJson(JSON.stringify(base));
    expect(tokenizer.special).toEqual({ cls: 2, sep: 3, pad: 0, unk: 1 });
    expect(tokenizer.vocabularySize).toBe(8);
  });

  test("templates define the ids of [CLS] and [SEP], under any name", () => {
    const token = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
    const sequence = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
    const template = {
      type: "TemplateProcessing",
      single: [token("<s>", 0), sequence("A", 0), token("</s>", 0)],
      pair: [token("<s>", 0), sequence("A", 0), token("</s>", 0), sequence("B", 1), token("</s>", 1)],
      special_tokens: { "<s>": { id: "<s>", ids: [4] }, "</s>": { id: "</s>", ids: [5] } },
    };
    const json = changed((file) => Object.assign(file, { post_processor: template }));
    expect(Tokenizer.fromTokenizerJson(json).special).toMatchObject({ cls: 4, sep: 5 });
    template.pair[3] = sequence("B", 0);
    const other = changed((file) => Object.assign(file, { post_processor: template }));
    expect(() => Tokenizer.fromTokenizerJson(other)).toThrow(/post_processor\.pair is .*expected BERT's/);
  });

  test.each<[string, (json: typeof base & Record<string, unknown>) => void, RegExp]>([
    [
      "another model",
      (json) => Object.assign(json.model, { type: "BPE" }),
      /model\.type is "BPE"; expected "WordPiece"/,
    ],
    [
      "an old BPE without a type",
      (json) => Object.assign(json.model, { type: undefined, merges: [] }),
      /model\.merges/,
    ],
    ["no normalizer", (json) => Object.assign(json, { normalizer: null }), /normalizer is null/],
    [
      "a normalizer without type",
      (json) => Object.assign(json.normalizer, { type: undefined }),
      /normalizer\.type is missing/,
    ],
    ["another normalizer", (json) => Object.assign(json.normalizer, { type: "NFC" }), /normalizer\.type is "NFC"/],
    [
      "another pre-tokenizer",
      (json) => Object.assign(json.pre_tokenizer, { type: "Whitespace" }),
      /"Whitespace"; expected "BertPreTokenizer"/,
    ],
    [
      "another post-processor",
      (json) => Object.assign(json.post_processor, { type: "RobertaProcessing" }),
      /"RobertaProcessing"/,
    ],
    ["an id no token has", (json) => Object.assign(json.post_processor, { cls: ["[CLS]", 77] }), /cls the id 77/],
    ["a negative id", (json) => Object.assign(json.model.vocab, { hello: -1 }), /"hello" in model\.vocab is -1/],
    ["a fraction", (json) => Object.assign(json.model.vocab, { hello: 1.5 }), /is 1\.5/],
    ["an id twice", (json) => Object.assign(json.model.vocab, { hello: 6 }), /"hello" and "world" both have the id 6/],
    [
      "a contradiction",
      (json) => Object.assign(json.added_tokens[0] ?? {}, { id: 50 }),
      /"\[PAD\]" has the id 50, but .* 0/,
    ],
    [
      "no [PAD]",
      (json) => {
        Object.assign(json, { added_tokens: [] });
        Object.assign(json.model.vocab, { "[PAD]": undefined });
      },
      /has no \[PAD\]/,
    ],
    [
      "one id for [CLS] and [SEP]",
      (json) => Object.assign(json.post_processor, { cls: ["[SEP]", 3] }),
      /\[CLS\], \[SEP\] and \[UNK\] have the ids 3, 3 and 1; expected an id of its own for each/,
    ],
    ["[UNK] as [SEP]", (json) => Object.assign(json.post_processor, { sep: ["[UNK]", 1] }), /have the ids 2, 1 and 1/],
    ["no [UNK]", (json) => Object.assign(json.model, { unk_token: "<unk>" }), /has no <unk>/],
    ["half a pair", (json) => Object.assign(json.model.vocab, { "\ud800": 40 }), /surrogate/],
  ])("%s is rejected", (_name, change, message) => {
    expect(() => Tokenizer.fromTokenizerJson(changed(change), "the-file")).toThrow(CheckpointError);
    expect(() => Tokenizer.fromTokenizerJson(changed(change), "the-file")).toThrow(message);
    expect(() => Tokenizer.fromTokenizerJson(changed(change), "the-file")).toThrow(/^the-file/);
  });

  test("a missing [CLS] without a post-processor is rejected", () => {
    const json = changed((file) => {
      Object.assign(file, { post_processor: null, added_tokens: [] });
      Object.assign(file.model.vocab, { "[CLS]": undefined });
    });
    expect(() => Tokenizer.fromTokenizerJson(json)).toThrow(/has no \[CLS\]/);
  });

  test("an old file without a model type is accepted", () => {
    const json = changed((file) => Object.assign(file.model, { type: undefined, max_input_chars_per_word: undefined }));
    expect(show(Tokenizer.fromTokenizerJson(json), "helloo")).toEqual(["hello@0-5", "##o@5-6"]);
  });
});

describe("vocab.txt", () => {
  const lines = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "É", "e", "中", "##文", ""].join("\r\n");

  test("needs no configuration", () => {
    const tokenizer = Tokenizer.fromVocabulary(lines);
    expect(tokenizer.special).toEqual({ cls: 2, sep: 3, pad: 0, unk: 1 });
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
    const tokenizer = Tokenizer.fromVocabulary(lines, undefined, JSON.stringify(config));
    expect(tokenizer.special.sep).toBe(5);
    expect(tokenizer.vocabularySize).toBe(21);
    expect(show(tokenizer, "É e 中文<x>")).toEqual(["É@0-1", "e@1-3", "中@4-5", "##文@5-6", "<x>@6-9"]);
  });

  test.each([
    ["hello\nworld", undefined, /^vocab\.txt: .*2 tokens has no \[UNK\]/],
    [lines, "{", /^tokenizer_config\.json is not JSON/],
    [lines, '{"tokenizer_class":"BertJapaneseTokenizer"}', /tokenizer_class is "BertJapaneseTokenizer"/],
    [lines, '{"do_lower_case":"yes"}', /do_lower_case is "yes"; expected boolean/],
    [lines, '{"added_tokens_decoder":{"-1":{"content":"x"}}}', /the key "-1"/],
    [lines, '{"cls_token":"[SEP]"}', /^tokenizer_config\.json: \[CLS\], \[SEP\] and \[UNK\] have the ids 3, 3 and 1/],
    [lines, '{"added_tokens_decoder":{"0":{"content":"x"}}}', /"\[PAD\]" and "x" both have the id 0/],
  ])("%#: wrong files are rejected", (vocabulary, config, message) => {
    expect(() => Tokenizer.fromVocabulary(vocabulary, undefined, config)).toThrow(CheckpointError);
    expect(() => Tokenizer.fromVocabulary(vocabulary, undefined, config)).toThrow(message);
  });
});
