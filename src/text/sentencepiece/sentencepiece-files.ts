/**
 * Reads a tokenizer without a tokenizer.json from SentencePiece's model file and the configuration beside it.
 *
 * Must stay true: the result equals the one that transformers 5.17 builds from these files, except where
 * docs/tokenizers.md says otherwise.
 */
import * as v from "valibot";
import { CheckpointError, GET_AGAIN } from "../../errors.ts";
import type { AddedToken } from "../added-tokens.ts";
import { familyOf } from "../files/families.ts";
import { validate } from "../files/validate.ts";
import { parseJson, type TokenizerDefinition } from "../tokenizer-definition.ts";
import { Unigram } from "../unigram.ts";
import { ExtendedVocabulary, requireId, type Vocabulary } from "../vocabulary.ts";
import { type Layout, layouts } from "./layouts.ts";
import { readModelProto } from "./model-proto.ts";
import {
  type NamedToken,
  type NamedTokens,
  ROLES,
  readNamedTokens,
  specialToken,
  tokenEntries,
} from "./named-tokens.ts";

export interface SentencePieceFiles {
  /** The content of the model file. */
  readonly model: Uint8Array;
  /** The contents of the others; undefined if they are not there. */
  readonly tokenizerConfig?: string | undefined;
  readonly specialTokensMap?: string | undefined;
  readonly addedTokens?: string | undefined;
}

/** Null is false, as in Python. */
const flag = (byDefault: boolean) =>
  v.pipe(
    v.optional(v.nullable(v.boolean()), byDefault),
    v.transform((value) => value ?? false),
  );
const configSchema = v.object({
  tokenizer_class: v.nullish(v.string()),
  do_lower_case: v.optional(v.nullable(v.boolean())),
  keep_accents: flag(false),
  split_by_punct: flag(false),
  add_prefix_space: flag(true),
  ...tokenEntries,
});

/**
 * @param name of the model file, for errors.
 * @param modelType of config.json.
 * @throws CheckpointError if a file is malformed, or of a class that is not known.
 */
export function readSentencePiece(files: SentencePieceFiles, name: string, modelType: string): TokenizerDefinition {
  const beside = (file: string) => `${name.slice(0, name.lastIndexOf("/") + 1)}${file}`;
  const parse = (text: string | undefined, file: string) =>
    text === undefined ? undefined : parseJson(text, beside(file));
  const configName = beside("tokenizer_config.json");
  const config = validate(configSchema, parse(files.tokenizerConfig, "tokenizer_config.json") ?? {}, configName);
  const layout = layoutOf(config.tokenizer_class ?? familyOf(modelType).className, configName);
  const tokens = readNamedTokens(config, layout.names, {
    specialTokensMap: parse(files.specialTokensMap, "special_tokens_map.json"),
    addedTokens: parse(files.addedTokens, "added_tokens.json"),
    mapName: beside("special_tokens_map.json"),
    addedName: beside("added_tokens.json"),
  });
  const proto = readModelProto(files.model, name);
  const model = new Unigram({ ...layout.pieces(proto, tokens.roles), byteFallback: false, isJson: false, name });
  const addedTokens = addTokens(model, tokens, proto.symbols, configName);
  const vocabulary = new ExtendedVocabulary(model, addedTokens, name);
  const settings = {
    doLowerCase: config.do_lower_case === undefined ? layout.doLowerCase : config.do_lower_case === true,
    keepAccents: config.keep_accents,
    splitByPunct: config.split_by_punct,
    addPrefixSpace: config.add_prefix_space,
  };
  const [cls, sep] = layout.ends.map((role) => requireId(tokens.roles[role].content, vocabulary, name));
  return {
    vocabulary,
    addedTokens,
    normalizer: layout.normalizer(proto, settings, `${name}: precompiled_charsmap`),
    preTokenizer: layout.preTokenizer(settings),
    model,
    trims: [],
    pair: layout.template(cls as number, sep as number),
    warnings: [],
  };
}

/** Fast classes are the same. */
function layoutOf(className: string, configName: string): Layout {
  const known = className.replace(/Fast$/, "");
  const layout = Object.hasOwn(layouts, known) ? layouts[known] : undefined;
  if (layout !== undefined) return layout;
  throw new CheckpointError({
    found: `${configName}: tokenizer_class is ${JSON.stringify(className.slice(0, 80))}`,
    expected: `one of ${Object.keys(layouts).join(", ")}`,
    advice:
      "Add the model's tokenizer.json, which is read instead, if there is one; otherwise choose another checkpoint.",
  });
}

/** A token has the id that the vocabulary gives it, or else the next free one. */
function addTokens(
  vocabulary: Vocabulary,
  { added, roles, extra }: NamedTokens,
  symbols: readonly string[],
  configName: string,
): AddedToken[] {
  const tokens = new Map<string, AddedToken>();
  let next = vocabulary.maxId + 1;
  const add = (token: NamedToken): number | undefined => {
    if (token.content === "") return undefined;
    const id = tokens.get(token.content)?.id ?? vocabulary.idOf(token.content) ?? next++;
    if (!tokens.has(token.content)) tokens.set(token.content, { ...token, id });
    return id;
  };
  for (const [said, token] of added) {
    const id = add(token);
    if (id === undefined || said === String(id)) continue;
    throw new CheckpointError({
      found: `${configName} or added_tokens.json gives ${JSON.stringify(token.content.slice(0, 80))} the id ${said.slice(0, 20)}`,
      expected: `${id}, which follows from the model file`,
      advice: GET_AGAIN,
    });
  }
  for (const role of ROLES) add(roles[role]);
  for (const token of extra ?? symbols.map(specialToken)) add(token);
  return [...tokens.values()];
}
