/**
 * Reads the files of a byte-level BPE tokenizer without a tokenizer.json: vocab.json, merges.txt and
 * tokenizer_config.json, as RoBERTa has them.
 *
 * Must stay true: the result equals that of transformers' RobertaTokenizerFast for these files.
 */
import * as v from "valibot";
import { CheckpointError, GET_AGAIN } from "../../errors.ts";
import { Bpe } from "../models/bpe.ts";
import { type Merge, Merges } from "../models/merges.ts";
import { ByteLevelPreTokenizer } from "../pre-tokenizers/byte-level.ts";
import { parseJson, type TokenizerDefinition } from "../tokenizer-definition.ts";
import { ExtendedVocabulary, requireId } from "../vocabulary.ts";
import { familyOf } from "./families.ts";
import { splitMerge } from "./models.ts";
import { namesIn, readAddedTokens, specialEntries } from "./special-tokens.ts";
import { byteLevelEntries, configBeside } from "./tokenizer-config.ts";
import { validate } from "./validate.ts";
import { linesOf } from "./vocabulary-files.ts";
import { readVocab } from "./word-piece.ts";

const ROBERTA_CLASS = /^RobertaTokenizer(Fast)?$/;

const configSchema = v.object({ ...byteLevelEntries, ...specialEntries });

export interface MergesFiles {
  /** The content of vocab.json. */
  readonly vocabulary: string;
  /** The content of merges.txt. */
  readonly merges: string;
  /** The content of tokenizer_config.json, if there is one. */
  readonly tokenizerConfig?: string | undefined;
}

/**
 * @param name of vocab.json, for errors.
 * @param modelType of config.json.
 * @throws CheckpointError if a file is malformed, or of another class than RoBERTa's.
 */
export function readMergesFiles(files: MergesFiles, name: string, modelType: string): TokenizerDefinition {
  const configName = configBeside(name);
  const mergesName = `${name.slice(0, name.lastIndexOf("/") + 1)}merges.txt`;
  const { tokenizerConfig } = files;
  const config = validate(
    configSchema,
    tokenizerConfig === undefined ? {} : parseJson(tokenizerConfig, configName),
    configName,
  );
  checkClass(config.tokenizer_class, configName);
  const family = familyOf(modelType);
  const names = namesIn(config, family);
  const vocabulary = readVocab(parseJson(files.vocabulary, name), { name, path: "" });
  const addedTokens = readAddedTokens(config, family, vocabulary, configName);
  const all = new ExtendedVocabulary(vocabulary, addedTokens, name);
  const { ids } = vocabulary;
  const addPrefixSpace = config.add_prefix_space ?? false;
  return {
    vocabulary: all,
    addedTokens,
    normalizer: undefined,
    preTokenizer: new ByteLevelPreTokenizer({ addPrefixSpace, useRegex: true }),
    model: new Bpe({
      vocabulary: ids,
      merges: new Merges(readMerges(files.merges, mergesName), ids, "", mergesName),
      unknownId: undefined,
      fuseUnknown: false,
      byteFallback: false,
      continuingSubwordPrefix: "",
      endOfWordSuffix: "",
      ignoreMerges: false,
    }),
    trims: config.trim_offsets === false ? [] : [{ addPrefixSpace }],
    pair: family.template(requireId(names.cls, all, name), requireId(names.sep, all, name)),
    warnings: [],
  };
}

function checkClass(name: string | null | undefined, configName: string): void {
  if (name === undefined || name === null || ROBERTA_CLASS.test(name)) return;
  throw new CheckpointError({
    found: `${configName}: tokenizer_class is ${JSON.stringify(name)}`,
    expected: '"RobertaTokenizer"',
    advice:
      "Add the model's tokenizer.json, which is read instead, if there is one; otherwise choose another checkpoint.",
  });
}

/** A line each; the first may say the version. */
function readMerges(text: string, name: string): Merge[] {
  const merges: Merge[] = [];
  for (const [index, line] of linesOf(text, name).entries()) {
    if (line.startsWith("#version") || line === "") continue;
    const [left, right, more] = splitMerge(line);
    if (left === undefined || right === undefined || more !== undefined) {
      throw new CheckpointError({
        found: `${name}: line ${index + 1} is ${JSON.stringify(line.slice(0, 80))}`,
        expected: "two tokens with a space between",
        advice: GET_AGAIN,
      });
    }
    merges.push([left, right]);
  }
  return merges;
}
