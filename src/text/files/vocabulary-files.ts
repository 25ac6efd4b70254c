/**
 * Reads the files of a WordPiece tokenizer without a tokenizer.json: vocab.txt (line number from 0 = token id) and
 * tokenizer_config.json.
 *
 * Must stay true: the result equals Hugging Face's for the two files without a tokenizer.json.
 */
import * as v from "valibot";
import { CheckpointError } from "../../errors.ts";
import { WordPiece } from "../models/word-piece.ts";
import { BertNormalizer } from "../normalizers/bert.ts";
import { BertPreTokenizer } from "../pre-tokenizers/bert.ts";
import { MAX_TOKENS, parseJson, type TokenizerDefinition, tooManyTokens } from "../tokenizer-definition.ts";
import { ExtendedVocabulary, requireId, TokenMap } from "../vocabulary.ts";
import { familyOf } from "./families.ts";
import { namesIn, readAddedTokens, specialEntries } from "./special-tokens.ts";
import { configBeside, settingsEntries } from "./tokenizer-config.ts";
import { validate } from "./validate.ts";

/** Equivalent to BERT's tokenizer. Others with a vocab.txt split words differently (Japanese ones, for example). */
const BERT_CLASS = /^(Bert|DistilBert|Electra|MPNet|MobileBert|ConvBert|SqueezeBert|Splinter)Tokenizer(Fast)?$/;

const configSchema = v.object({ ...settingsEntries, ...specialEntries });
type Config = v.InferOutput<typeof configSchema>;

/**
 * @param name of vocab.txt, for errors.
 * @param modelType of config.json.
 * @throws CheckpointError if a file is malformed, or of a class that splits words otherwise.
 */
export function readVocabulary(
  text: string,
  name: string,
  configJson: string | undefined,
  modelType: string,
): TokenizerDefinition {
  const configName = configBeside(name);
  const config = validate(configSchema, configJson === undefined ? {} : parseJson(configJson, configName), configName);
  checkClass(config, configName);
  const family = familyOf(modelType);
  const names = namesIn(config, family);
  const vocabulary = readLines(text, name);
  const addedTokens = readAddedTokens(config, family, vocabulary, configName);
  const all = new ExtendedVocabulary(vocabulary, addedTokens, configName);
  return {
    vocabulary: all,
    addedTokens,
    normalizer: new BertNormalizer({
      cleanText: true,
      handleChineseChars: config.tokenize_chinese_chars ?? true,
      stripAccents: config.strip_accents ?? config.do_lower_case ?? true,
      lowercase: config.do_lower_case ?? true,
    }),
    preTokenizer: new BertPreTokenizer(),
    model: new WordPiece({
      vocabulary: vocabulary.ids,
      unknownId: requireId(names.unk, vocabulary, name),
      continuingSubwordPrefix: "##",
      maxInputCharsPerWord: 100,
    }),
    trims: [],
    pair: family.template(requireId(names.cls, all, name), requireId(names.sep, all, name)),
    warnings: [],
  };
}

function checkClass({ tokenizer_class: name }: Config, configName: string): void {
  if (name === undefined || name === null || BERT_CLASS.test(name)) return;
  throw new CheckpointError({
    found: `${configName}: tokenizer_class is ${JSON.stringify(name)}`,
    expected: '"BertTokenizer" or one that works like it',
    advice:
      "Add the model's tokenizer.json, which is read instead, if there is one; otherwise choose another checkpoint.",
  });
}

/** A repeated token has the id of its last line, as in Hugging Face. */
function readLines(text: string, name: string): TokenMap {
  const lines = linesOf(text, name);
  return new TokenMap(new Map(lines.map((token, id) => [token, id])), name);
}

/**
 * The lines of a vocabulary or of merges.
 * @throws CheckpointError if there are too many.
 */
export function linesOf(text: string, name: string): string[] {
  // Counted before splitting: a text of nothing but line breaks would take twenty times its memory.
  let count = 1;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) count++;
  for (let at = text.indexOf("\r"); at !== -1; at = text.indexOf("\r", at + 1)) count++;
  if (count > 2 * MAX_TOKENS) throw tooManyTokens(name);
  const lines = text.split(/\r\n|\r|\n/);
  if (lines.at(-1) === "") lines.pop();
  if (lines.length > MAX_TOKENS) throw tooManyTokens(name);
  return lines;
}
