/** Test helpers: the built-in tokenizer, small custom ones, and readable encodings. */
import { readFileSync } from "node:fs";
import type { Encoding } from "./encoding.ts";
import { allComponents } from "./files/all-components.ts";
import { type MergesFiles, readMergesFiles } from "./files/merges-files.ts";
import { parseTokenizerJson, readTokenizerFile } from "./files/tokenizer-json.ts";
import { readVocabulary } from "./files/vocabulary-files.ts";
import { readSentencePiece, type SentencePieceFiles } from "./sentencepiece/sentencepiece-files.ts";
import { Tokenizer } from "./tokenizer.ts";

/** With every component at hand, as no model's files are read: those load what they use (architectures/tokenizer-files.ts). */
export function fromTokenizerJson(
  json: string,
  name = "tokenizer.json",
  configJson?: string,
  modelType = "bert",
): Tokenizer {
  const file = parseTokenizerJson(json, name);
  return new Tokenizer(readTokenizerFile(file, allComponents, { name, configJson, modelType }));
}

export const fromVocabulary = (text: string, name = "vocab.txt", configJson?: string, modelType = "bert"): Tokenizer =>
  new Tokenizer(readVocabulary(text, name, configJson, modelType));

export const fromMerges = (files: MergesFiles, name = "vocab.json", modelType = "roberta"): Tokenizer =>
  new Tokenizer(readMergesFiles(files, name, modelType));

export const fromSentencePiece = (files: SentencePieceFiles, name: string, modelType: string): Tokenizer =>
  new Tokenizer(readSentencePiece(files, name, modelType));

export function readRepositoryFile(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
}

export const builtinJson = readRepositoryFile("models/builtin/tokenizer.json");
export const builtin = fromTokenizerJson(builtinJson);

export interface AddedTokenEntry {
  readonly content: string;
  readonly single_word?: boolean;
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
  readonly normalized?: boolean;
}

const SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];

/** A tokenizer.json with four special tokens, then `words`, then the added tokens. */
export function smallJson(words: readonly string[], normalizer: object = {}, added: readonly AddedTokenEntry[] = []) {
  const tokens = [...SPECIALS, ...words];
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [
      ...SPECIALS.map((content, id) => ({ id, content, ...flags })),
      ...added.map((entry, index) => ({ id: tokens.length + index, ...flags, ...entry })),
    ],
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
      ...normalizer,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: { type: "BertProcessing", sep: ["[SEP]", 3], cls: ["[CLS]", 2] },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    },
  };
}

export function smallTokenizer(...args: Parameters<typeof smallJson>): Tokenizer {
  return fromTokenizerJson(JSON.stringify(smallJson(...args)));
}

/** Each token with its bounds: `hello@0-5`. */
export function show(tokenizer: Tokenizer, text: string): string[] {
  const encoding = tokenizer.encode(text);
  return Array.from(encoding.ids, (id, index) => {
    return `${tokenizer.token(id)}@${encoding.starts[index]}-${encoding.ends[index]}`;
  });
}

/** The offsets as pairs, in code points as in Hugging Face. */
export function codePointOffsets({ text, starts, ends }: Encoding): [number, number][] {
  const position = (unit: number) => Array.from(text.slice(0, unit)).length;
  return Array.from(starts, (start, index) => [position(start), position(ends[index] as number)]);
}

/** Vitest needs seconds to compare arrays of a million numbers. */
export function equalEncodings(left: Encoding, right: Encoding): boolean {
  const equal = (one: Int32Array, other: Int32Array) =>
    one.length === other.length && one.every((value, index) => value === other[index]);
  return (
    left.text === right.text &&
    left.length === right.length &&
    equal(left.ids, right.ids) &&
    equal(left.starts, right.starts) &&
    equal(left.ends, right.ends) &&
    equal(left.words, right.words)
  );
}

/** The ids of [CLS] and [SEP]. */
export function separatorsOf({ pair }: Tokenizer): { readonly cls: number; readonly sep: number } {
  return { cls: pair.before[0]?.id ?? -1, sep: pair.after[0]?.id ?? -1 };
}
