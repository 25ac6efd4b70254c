/** The files of tokenizers of every kind of model. */
import { expect } from "vitest";
import { mutate } from "../../src/checkpoint/testing/mutate.ts";
import { utf8 } from "../../src/checkpoint/testing/tiny-model.ts";
import { encodeCharsmap } from "../../src/text/normalizers/testing/charsmap-writer.ts";
import { encodeModel } from "../../src/text/sentencepiece/testing/model-writer.ts";
import { fromMerges, fromSentencePiece, fromTokenizerJson, fromVocabulary, smallJson } from "../../src/text/testing.ts";
import type { Tokenizer } from "../../src/text/tokenizer.ts";
import type { FuzzKind } from "./harness.ts";
import { jsonKind, strict } from "./json-kind.ts";

/** A text in which every kind of character stands. */
const SAMPLE = "Hello <x> [SEP] wörld 中 e\u0301 😀";
const tokenizer = smallJson(["hello", "##o", "world"], {}, [{ content: "<x>", normalized: true }]);
export const tokenizerText = JSON.stringify(tokenizer);
const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\n##o\nworld\n中\n";
export const tokenizerConfig = {
  tokenizer_class: "BertTokenizer",
  do_lower_case: false,
  strip_accents: null,
  tokenize_chinese_chars: true,
  cls_token: "[CLS]",
  sep_token: { content: "[SEP]", lstrip: false, normalized: false, rstrip: false, single_word: false },
  added_tokens_decoder: { "20": { content: "<x>", special: false, normalized: true } },
};

export function encodeWith(read: Tokenizer): void {
  const { length, starts, ends } = read.encode(SAMPLE);
  for (let at = 0; at < length; at++) {
    const [start, end] = [starts[at] as number, ends[at] as number];
    expect(0 <= start && start <= end && end <= SAMPLE.length).toBe(true);
  }
}

const vocabularyFile: FuzzKind = {
  name: "vocab.txt",
  mutate: (random) => mutate(utf8(vocabulary), vocabulary.length, random),
  read: (bytes) => encodeWith(fromVocabulary(strict(bytes))),
};

/** Byte-level, with every kind of component around it. */
const bpeVocabulary = {
  "<s>": 0,
  "<pad>": 1,
  "</s>": 2,
  "<unk>": 3,
  H: 4,
  e: 5,
  l: 6,
  o: 7,
  Ġ: 8,
  ll: 9,
  llo: 10,
  He: 11,
};
const bpeMerges = [["l", "l"], ["ll", "o"], ["H", "e"]]; // biome-ignore format: a list
const special = { single_word: false, lstrip: true, rstrip: false, normalized: false };
const bpe = {
  added_tokens: [
    { id: 0, content: "<s>", ...special },
    { id: 12, content: "<x>", ...special, normalized: true },
  ],
  normalizer: {
    type: "Sequence",
    normalizers: [{ type: "NFC" }, { type: "Strip", strip_left: true, strip_right: true }],
  },
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { Regex: " ?\\p{L}+|\\s+(?!\\S)|[^\\s]" }, behavior: "Isolated", invert: false },
      { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  },
  post_processor: {
    type: "RobertaProcessing",
    sep: ["</s>", 2],
    cls: ["<s>", 0],
    trim_offsets: true,
    add_prefix_space: false,
  },
  model: {
    type: "BPE",
    unk_token: "<unk>",
    fuse_unk: true,
    byte_fallback: true,
    vocab: bpeVocabulary,
    merges: bpeMerges,
  },
};

const token = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
const unigram = {
  added_tokens: [{ id: 1, content: "[CLS]", ...special }],
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "NFKD" },
      { type: "StripAccents" },
      { type: "Replace", pattern: { Regex: " {2,}" }, content: " " },
      { type: "Prepend", prepend: "x" },
    ],
  },
  pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
  post_processor: {
    type: "TemplateProcessing",
    pair: [
      token("[CLS]"),
      { Sequence: { id: "A", type_id: 0 } },
      token("[SEP]"),
      { Sequence: { id: "B", type_id: 1 } },
    ],
    special_tokens: { "[CLS]": { ids: [1] }, "[SEP]": { ids: [2] } },
  },
  model: {
    type: "Unigram",
    unk_id: 0,
    byte_fallback: true,
    vocab: [
      ["<unk>", 0],
      ["[CLS]", 0],
      ["[SEP]", 0],
      ["▁x", -1.5],
      ["He", -2.25],
      ["l", -3],
      ["lo", -3.125],
      ["<0xE4>", -9],
    ],
  },
};

/** With tokens that no merge needs, so that some damage does no harm. */
const spare = Array.from("abcdfghijkmnpqrstuvwxyz", (letter, index) => [letter, 13 + index] as const);
const largerVocabulary = { ...bpeVocabulary, ...Object.fromEntries(spare) };

const merges = `#version: 0.2\n${bpeMerges.map((merge) => merge.join(" ")).join("\n")}\n`;
const bpeFiles = { vocabulary: JSON.stringify(bpeVocabulary), merges };

const charsmap = encodeCharsmap({ w: "v", "e\u0301": "é", ö: "o", "\u0301": "" });
const letters = [..."Heloword\u2581"].map((letter, index) => [letter, -1 - index] as const);
const pieces = [["<unk>", 0, 2], ["<s>", 0, 3], ["</s>", 0, 3], ["<x>", 0, 4], ...letters] as const; // biome-ignore format: a row
const sentencePiece = encodeModel({ pieces, charsmap });

const sentencePieceFile: FuzzKind = {
  name: "SentencePiece",
  // A character map would take most of the file: half of the damage is to a file without one.
  mutate: (random) => {
    const sound = random() < 0.5 ? encodeModel({ pieces }) : sentencePiece;
    return mutate(sound, sound.length, random);
  },
  read: (bytes) => encodeWith(fromSentencePiece({ model: bytes }, "spm.model", "xlm-roberta")),
};

const characterMap: FuzzKind = {
  name: "character map",
  mutate: (random) => mutate(charsmap, charsmap.length, random),
  read: (bytes) => encodeWith(fromSentencePiece({ model: encodeModel({ pieces, charsmap: bytes }) }, "m", "albert")),
};

export const tokenizerKinds: readonly FuzzKind[] = [
  jsonKind("tokenizer.json", tokenizer, (text) => encodeWith(fromTokenizerJson(text)), strict),
  jsonKind("tokenizer.json, BPE", bpe, (text) => encodeWith(fromTokenizerJson(text)), strict),
  jsonKind("tokenizer.json, Unigram", unigram, (text) => encodeWith(fromTokenizerJson(text)), strict),
  jsonKind(
    "tokenizer_config.json",
    tokenizerConfig,
    (text) => {
      encodeWith(fromTokenizerJson(tokenizerText, undefined, text));
      encodeWith(fromVocabulary(vocabulary, undefined, text));
    },
    strict,
  ),
  vocabularyFile,
  jsonKind("vocab.json", largerVocabulary, (text) => encodeWith(fromMerges({ ...bpeFiles, vocabulary: text })), strict),
  {
    name: "merges.txt",
    mutate: (random) => mutate(utf8(merges), merges.length, random),
    read: (bytes) => encodeWith(fromMerges({ ...bpeFiles, merges: strict(bytes) })),
  },
  sentencePieceFile,
  characterMap,
];
