/**
 * Reads tokenizer.json, the format of Hugging Face's fast tokenizers.
 *
 * A component that is not known is rejected by name, never ignored. `truncation` and `padding` are ignored because
 * `windows.ts` makes the windows and nothing is padded here; `decoder` is for generating text.
 */
import * as v from "valibot";
import type { AddedToken } from "../added-tokens.ts";
import { BertNormalizer } from "../normalizers/bert.ts";
import type { Normalizer } from "../normalizers/normalizer.ts";
import { parseJson, type TokenizerDefinition } from "../tokenizer-definition.ts";
import { ExtendedVocabulary } from "../vocabulary.ts";
import { checkChain } from "./chain-limits.ts";
import { defaultPair } from "./families.ts";
import { readModel } from "./models.ts";
import { bertOptions, readBertSettings, readNormalizer } from "./normalizers.ts";
import { readPostProcessor } from "./post-processor.ts";
import { readPreTokenizer } from "./pre-tokenizers.ts";
import { reconcileByteLevel, reconcileNormalizer } from "./tokenizer-config.ts";
import { inside, type Place, tokenIdSchema, validate } from "./validate.ts";

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
  normalizer: v.optional(v.unknown()),
  pre_tokenizer: v.optional(v.unknown()),
  post_processor: v.optional(v.unknown()),
  model: v.looseObject({}),
});

/**
 * @param configJson the content of tokenizer_config.json, if there is one.
 * @param modelType of config.json.
 * @throws CheckpointError if a file is malformed, or has a component that is not known.
 */
export function readTokenizerJson(
  json: string,
  name: string,
  configJson: string | undefined,
  modelType: string,
): TokenizerDefinition {
  const whole: Place = { name, path: "" };
  const file = validate(fileSchema, parseJson(json, name), name);
  for (const step of ["normalizer", "pre_tokenizer", "post_processor"] as const) {
    checkChain(file[step], inside(whole, step));
  }
  const read = readModel(file.model, inside(whole, "model"));
  const addedTokens = readAddedTokens(file.added_tokens);
  const vocabulary = new ExtendedVocabulary(read.vocabulary, addedTokens, name);
  const config = { configJson, name, modelType };
  const { normalizer, warnings } = readReconciledNormalizer(file.normalizer, inside(whole, "normalizer"), config);
  const byteLevel = reconcileByteLevel(
    { preTokenizer: file.pre_tokenizer, postProcessor: file.post_processor },
    config,
  );
  const { preTokenizer, postProcessor } = byteLevel.settings;
  const { pair, trims } = isAbsent(postProcessor)
    ? { pair: defaultPair(modelType, vocabulary, name), trims: [] }
    : readPostProcessor(postProcessor, vocabulary, inside(whole, "post_processor"));
  return {
    vocabulary,
    addedTokens,
    normalizer,
    preTokenizer: isAbsent(preTokenizer) ? undefined : readPreTokenizer(preTokenizer, inside(whole, "pre_tokenizer")),
    model: read.model,
    trims,
    pair,
    warnings: [...warnings, ...byteLevel.warnings],
  };
}

function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

function readReconciledNormalizer(
  value: unknown,
  place: Place,
  config: Parameters<typeof reconcileNormalizer>[1],
): { readonly normalizer: Normalizer | undefined; readonly warnings: readonly string[] } {
  if (isAbsent(value)) return { normalizer: undefined, warnings: [] };
  if (typeof value !== "object" || !("type" in value) || value.type !== "BertNormalizer") {
    return { normalizer: readNormalizer(value, place), warnings: [] };
  }
  const { settings, warnings } = reconcileNormalizer(readBertSettings(value, place), config);
  return { normalizer: new BertNormalizer(bertOptions(settings)), warnings };
}

/** As in the Rust crate, an added token without content is skipped; the last of equal ones wins. */
function readAddedTokens(entries: readonly v.InferOutput<typeof addedTokenSchema>[]): AddedToken[] {
  const tokens = new Map<string, AddedToken>();
  for (const { id, content, single_word, lstrip, rstrip, normalized } of entries) {
    if (content !== "") tokens.set(content, { id, content, singleWord: single_word, lstrip, rstrip, normalized });
  }
  return [...tokens.values()];
}
