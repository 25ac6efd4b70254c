/**
 * Reads tokenizer.json, the format of Hugging Face's fast tokenizers.
 *
 * A component that is not known is rejected by name, never ignored. `truncation` and `padding` are ignored because
 * `windows.ts` makes the windows and nothing is padded here; `decoder` is for generating text.
 */
import * as v from "valibot";
import { isRecord } from "../../arguments.ts";
import type { AddedToken } from "../added-tokens.ts";
import type { Normalizer } from "../normalizers/normalizer.ts";
import { parseJson, type TokenizerDefinition } from "../tokenizer-definition.ts";
import { ExtendedVocabulary } from "../vocabulary.ts";
import { bertNormalizer, readBertSettings } from "./bert-components.ts";
import { checkChain } from "./chain-limits.ts";
import type { Components } from "./components.ts";
import { defaultPair } from "./families.ts";
import { readPostProcessor } from "./post-processor.ts";
import { reconcileByteLevel, reconcileNormalizer } from "./tokenizer-config.ts";
import { inside, type Place, type Readers, readByType, tokenIdSchema, validate } from "./validate.ts";

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

export type TokenizerFile = v.InferOutput<typeof fileSchema>;

/** @throws CheckpointError if the file is malformed; its components are not read yet. */
export function parseTokenizerJson(json: string, name: string): TokenizerFile {
  const file = validate(fileSchema, parseJson(json, name), name);
  return { ...file, model: withType(file.model) };
}

/** Whether all of a file's components are among these: what is in a sequence is not. */
export function usesOnly({ normalizers, preTokenizers, models }: Components, file: TokenizerFile): boolean {
  const isKnown = (component: unknown, readers: Readers<unknown>): boolean =>
    isAbsent(component) || (isRecord(component) && Object.hasOwn(readers, String(component["type"])));
  return (
    isKnown(file.normalizer, normalizers) && isKnown(file.pre_tokenizer, preTokenizers) && isKnown(file.model, models)
  );
}

/** What belongs to a tokenizer.json. */
export interface BesideTokenizerJson {
  /** Of the file, for errors. */
  readonly name: string;
  /** The content of tokenizer_config.json, if there is one. */
  readonly configJson: string | undefined;
  /** Of config.json. */
  readonly modelType: string;
}

/** @throws CheckpointError if a file is malformed, or has a component that is not among `components`. */
export function readTokenizerFile(
  file: TokenizerFile,
  components: Components,
  beside: BesideTokenizerJson,
): TokenizerDefinition {
  const { name, modelType } = beside;
  const whole: Place = { name, path: "" };
  for (const step of ["normalizer", "pre_tokenizer", "post_processor"] as const) {
    checkChain(file[step], inside(whole, step));
  }
  const read = readByType(components.models, file.model, inside(whole, "model"));
  const addedTokens = readAddedTokens(file.added_tokens);
  const vocabulary = new ExtendedVocabulary(read.vocabulary, addedTokens, name);
  const { normalizer, warnings } = readReconciledNormalizer(file.normalizer, components, beside);
  const byteLevel = reconcileByteLevel(
    { preTokenizer: file.pre_tokenizer, postProcessor: file.post_processor },
    beside,
  );
  const { preTokenizer, postProcessor } = byteLevel.settings;
  const { pair, trims } = isAbsent(postProcessor)
    ? { pair: defaultPair(modelType, vocabulary, name), trims: [] }
    : readPostProcessor(postProcessor, vocabulary, inside(whole, "post_processor"));
  return {
    vocabulary,
    addedTokens,
    normalizer,
    preTokenizer: isAbsent(preTokenizer)
      ? undefined
      : readByType(components.preTokenizers, preTokenizer, inside(whole, "pre_tokenizer")),
    model: read.model,
    trims,
    pair,
    warnings: [...warnings, ...byteLevel.warnings],
  };
}

/** Old files have no type. As in Rust, what has merges is BPE, and what has a list of pieces is Unigram. */
function withType(model: TokenizerFile["model"]): TokenizerFile["model"] {
  if ("type" in model) return model;
  if ("merges" in model) return { ...model, type: "BPE" };
  return { ...model, type: Array.isArray(model["vocab"]) ? "Unigram" : "WordPiece" };
}

function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

function readReconciledNormalizer(
  value: unknown,
  { normalizers }: Components,
  beside: BesideTokenizerJson,
): { readonly normalizer: Normalizer | undefined; readonly warnings: readonly string[] } {
  const place: Place = { name: beside.name, path: "normalizer" };
  if (isAbsent(value)) return { normalizer: undefined, warnings: [] };
  if (!isRecord(value) || value["type"] !== "BertNormalizer") {
    return { normalizer: readByType(normalizers, value, place), warnings: [] };
  }
  const { settings, warnings } = reconcileNormalizer(readBertSettings(value, place), beside);
  return { normalizer: bertNormalizer(settings), warnings };
}

/** As in the Rust crate, an added token without content is skipped; the last of equal ones wins. */
function readAddedTokens(entries: readonly v.InferOutput<typeof addedTokenSchema>[]): AddedToken[] {
  const tokens = new Map<string, AddedToken>();
  for (const { id, content, single_word, lstrip, rstrip, normalized } of entries) {
    if (content !== "") tokens.set(content, { id, content, singleWord: single_word, lstrip, rstrip, normalized });
  }
  return [...tokens.values()];
}
