/**
 * Reads tokenizer.json, the format of Hugging Face's fast tokenizers.
 *
 * The format covers many kinds of tokenizer. A model, normalizer, pre-tokenizer or post-processor that is not BERT's is
 * rejected by name, never ignored. `truncation` and `padding` are ignored because `windows.ts` makes the windows and
 * nothing is padded here; `decoder` is for generating text.
 */
import * as v from "valibot";
import { CheckpointError, GET_AGAIN } from "../errors.ts";
import type { AddedToken } from "./added-tokens.ts";
import type { NormalizerOptions } from "./normalize.ts";
import { readSpecialIds } from "./post-processor.ts";
import { reconcileNormalizer } from "./tokenizer-config.ts";
import {
  checkSpecial,
  isTokenId,
  parseJson,
  requireId,
  type TokenizerDefinition,
  tokensById,
} from "./tokenizer-definition.ts";
import { tokenIdSchema, validate } from "./validate.ts";

const WORD_PIECE = "WordPiece";
/** 100 in every known BERT; WordPiece's time per character grows with its square. */
const MAX_WORD = 1000;

const addedTokenSchema = v.object({
  id: tokenIdSchema,
  content: v.string(),
  single_word: v.boolean(),
  lstrip: v.boolean(),
  rstrip: v.boolean(),
  normalized: v.boolean(),
});

const fileSchema = v.object({
  added_tokens: v.optional(v.array(addedTokenSchema), []),
  normalizer: v.object({
    type: v.literal("BertNormalizer"),
    clean_text: v.boolean(),
    handle_chinese_chars: v.boolean(),
    strip_accents: v.nullish(v.boolean()),
    lowercase: v.boolean(),
  }),
  pre_tokenizer: v.object({ type: v.literal("BertPreTokenizer") }),
  post_processor: v.optional(v.unknown()),
  model: v.object({
    type: v.optional(v.string()),
    // Old files have no type; only BPE models have merges.
    merges: v.optional(v.undefined()),
    unk_token: v.string(),
    continuing_subword_prefix: v.string(),
    max_input_chars_per_word: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(MAX_WORD)), 100),
    // Checked in readVocab: valibot's record drops the keys "constructor" and "prototype", which are English words.
    vocab: v.custom<Readonly<Record<string, unknown>>>(
      (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    ),
  }),
});

const modelTypeSchema = v.object({ model: v.object({ type: v.string() }) });

/**
 * @param configJson the content of tokenizer_config.json, if there is one.
 * @throws CheckpointError if a file is malformed, or not a BERT tokenizer.
 */
export function readTokenizerJson(json: string, name: string, configJson: string | undefined): TokenizerDefinition {
  const parsed = parseJson(json, name);
  checkModelType(parsed, name);
  const file = validate(fileSchema, parsed, name);
  const vocabulary = readVocab(file.model.vocab, name);
  const addedTokens = readAddedTokens(file.added_tokens);
  const tokens = tokensById(vocabulary, addedTokens, name);
  const unk = requireId(file.model.unk_token, vocabulary, [], name);
  const { cls, sep } = readSpecialIds(file.post_processor, vocabulary, addedTokens, name);
  const special = { cls, sep, pad: requireId("[PAD]", vocabulary, addedTokens, name), unk };
  checkSpecial(special, name);
  const { settings, warnings } = reconcileNormalizer(file.normalizer, configJson, name);
  return {
    vocabulary,
    tokens,
    addedTokens,
    normalizer: readNormalizer(settings),
    continuingSubwordPrefix: file.model.continuing_subword_prefix,
    maxInputCharsPerWord: file.model.max_input_chars_per_word,
    unknownId: unk,
    special,
    warnings,
  };
}

/** Checked first, for the clearest message about another kind of tokenizer. Old files have no type. */
function checkModelType(parsed: unknown, name: string): void {
  const result = v.safeParse(modelTypeSchema, parsed);
  if (!result.success || result.output.model.type === WORD_PIECE) return;
  throw new CheckpointError({
    found: `${name}: model.type is ${JSON.stringify(result.output.model.type)}`,
    expected: JSON.stringify(WORD_PIECE),
    advice: "Only BERT tokenizers can be used: choose a BERT checkpoint.",
  });
}

function readVocab(vocab: Readonly<Record<string, unknown>>, name: string): Map<string, number> {
  const vocabulary = new Map<string, number>();
  for (const [token, id] of Object.entries(vocab)) {
    if (!isTokenId(id)) {
      throw new CheckpointError({
        found: `${name}: the id of ${JSON.stringify(token)} in model.vocab is ${JSON.stringify(id)}`,
        expected: "a whole number from 0 to 2147483647",
        advice: GET_AGAIN,
      });
    }
    vocabulary.set(token, id);
  }
  return vocabulary;
}

/** As in the Rust crate, an added token without content is skipped; the last of equal ones wins. */
function readAddedTokens(entries: readonly v.InferOutput<typeof addedTokenSchema>[]): AddedToken[] {
  const tokens = new Map<string, AddedToken>();
  for (const { id, content, single_word, lstrip, rstrip, normalized } of entries) {
    if (content !== "") tokens.set(content, { id, content, singleWord: single_word, lstrip, rstrip, normalized });
  }
  return [...tokens.values()];
}

function readNormalizer(normalizer: v.InferOutput<typeof fileSchema>["normalizer"]): NormalizerOptions {
  return {
    cleanText: normalizer.clean_text,
    handleChineseChars: normalizer.handle_chinese_chars,
    stripAccents: normalizer.strip_accents ?? normalizer.lowercase,
    lowercase: normalizer.lowercase,
  };
}
