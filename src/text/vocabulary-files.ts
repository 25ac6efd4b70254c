/**
 * Reads the older pair of files: vocab.txt (line number from 0 = token id) and tokenizer_config.json.
 *
 * Must stay true: the result equals Hugging Face's for the two files without a tokenizer.json.
 */
import * as v from "valibot";
import { CheckpointError, GET_AGAIN } from "../errors.ts";
import type { AddedToken } from "./added-tokens.ts";
import { configBeside, settingsEntries } from "./tokenizer-config.ts";
import {
  checkSpecial,
  findId,
  isTokenId,
  MAX_TOKENS,
  parseJson,
  requireId,
  type TokenizerDefinition,
  tokensById,
  tooManyTokens,
} from "./tokenizer-definition.ts";
import { validate } from "./validate.ts";

/** Equivalent to BERT's tokenizer. Others with a vocab.txt split words differently (Japanese ones, for example). */
const BERT_CLASS = /^(Bert|DistilBert|Electra|MobileBert|ConvBert|SqueezeBert|Splinter)Tokenizer(Fast)?$/;

const flags = {
  single_word: v.optional(v.boolean(), false),
  lstrip: v.optional(v.boolean(), false),
  rstrip: v.optional(v.boolean(), false),
  normalized: v.optional(v.boolean()),
  special: v.optional(v.boolean(), false),
};
const tokenSchema = v.object({ content: v.string(), ...flags });
const specialSchema = v.nullish(v.union([v.string(), tokenSchema]));

const configSchema = v.object({
  ...settingsEntries,
  pad_token: specialSchema,
  unk_token: specialSchema,
  cls_token: specialSchema,
  sep_token: specialSchema,
  mask_token: specialSchema,
  added_tokens_decoder: v.optional(v.record(v.string(), tokenSchema), {}),
});

type Config = v.InferOutput<typeof configSchema>;
type Special = Config["pad_token"];

/**
 * @param name of vocab.txt, for errors.
 * @throws CheckpointError if a file is malformed, or not a BERT tokenizer.
 */
export function readVocabulary(text: string, name: string, configJson: string | undefined): TokenizerDefinition {
  const configName = configBeside(name);
  const config = validate(configSchema, configJson === undefined ? {} : parseJson(configJson, configName), configName);
  checkClass(config, configName);
  const vocabulary = readLines(text, name);
  const addedTokens = readAddedTokens(config, vocabulary, configName);
  const tokens = tokensById(vocabulary, addedTokens, configName);
  const idOf = (token: string) => requireId(token, vocabulary, addedTokens, name);
  const unk = requireId(contentOf(config.unk_token, "[UNK]"), vocabulary, [], name);
  const special = {
    cls: idOf(contentOf(config.cls_token, "[CLS]")),
    sep: idOf(contentOf(config.sep_token, "[SEP]")),
    pad: idOf(contentOf(config.pad_token, "[PAD]")),
    unk,
  };
  checkSpecial(special, configName);
  return {
    vocabulary,
    tokens,
    addedTokens,
    normalizer: {
      cleanText: true,
      handleChineseChars: config.tokenize_chinese_chars ?? true,
      stripAccents: config.strip_accents ?? config.do_lower_case ?? true,
      lowercase: config.do_lower_case ?? true,
    },
    continuingSubwordPrefix: "##",
    maxInputCharsPerWord: 100,
    unknownId: unk,
    special,
    warnings: [],
  };
}

function checkClass({ tokenizer_class: name }: Config, configName: string): void {
  if (name === undefined || name === null || BERT_CLASS.test(name)) return;
  throw new CheckpointError({
    found: `${configName}: tokenizer_class is ${JSON.stringify(name)}`,
    expected: '"BertTokenizer" or one that works like it',
    advice:
      "Add the model's tokenizer.json, which is read instead, if there is one; otherwise choose a BERT checkpoint.",
  });
}

/** A repeated token has the id of its last line, as in Hugging Face. */
function readLines(text: string, name: string): Map<string, number> {
  // Counted before splitting: a text of nothing but line breaks would take twenty times its memory.
  let count = 1;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) count++;
  for (let at = text.indexOf("\r"); at !== -1; at = text.indexOf("\r", at + 1)) count++;
  if (count > 2 * MAX_TOKENS) throw tooManyTokens(name);
  const lines = text.split(/\r\n|\r|\n/);
  if (lines.at(-1) === "") lines.pop();
  if (lines.length > MAX_TOKENS) throw tooManyTokens(name);
  return new Map(lines.map((token, id) => [token, id]));
}

function readAddedTokens(config: Config, vocabulary: ReadonlyMap<string, number>, configName: string): AddedToken[] {
  const tokens = new Map<string, AddedToken>();
  for (const [key, entry] of Object.entries(config.added_tokens_decoder)) {
    const id = Number(key);
    if (!isTokenId(id) || key !== String(id)) {
      throw new CheckpointError({
        found: `${configName}: added_tokens_decoder has the key ${JSON.stringify(key)}`,
        expected: "the id of a token",
        advice: GET_AGAIN,
      });
    }
    if (entry.content !== "") tokens.set(entry.content, addedToken(id, entry, !entry.special));
  }
  const specials: [Special, string][] = [
    [config.pad_token, "[PAD]"],
    [config.unk_token, "[UNK]"],
    [config.cls_token, "[CLS]"],
    [config.sep_token, "[SEP]"],
    [config.mask_token, "[MASK]"],
  ];
  for (const [special, name] of specials) {
    const content = contentOf(special, name);
    const id = findId(content, vocabulary, [...tokens.values()]);
    // Without an id: [MASK] is optional, the others are required elsewhere.
    if (id === undefined || content === "" || tokens.has(content)) continue;
    const entry = typeof special === "object" && special !== null ? special : v.parse(tokenSchema, { content });
    tokens.set(content, addedToken(id, entry, false));
  }
  return [...tokens.values()];
}

function contentOf(special: Special, name: string): string {
  if (special === undefined || special === null) return name;
  return typeof special === "string" ? special : special.content;
}

function addedToken(id: number, entry: v.InferOutput<typeof tokenSchema>, normalizedByDefault: boolean): AddedToken {
  const { content, single_word: singleWord, lstrip, rstrip, normalized = normalizedByDefault } = entry;
  return { id, content, singleWord, lstrip, rstrip, normalized };
}
