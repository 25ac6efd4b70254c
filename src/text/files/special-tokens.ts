/**
 * The special and added tokens that tokenizer_config.json names, for tokenizers without a tokenizer.json.
 *
 * Must stay true: flags and ids equal transformers'; a token that the file does not name has its family's.
 */
import * as v from "valibot";
import { CheckpointError, GET_AGAIN } from "../../errors.ts";
import type { AddedToken } from "../added-tokens.ts";
import { isTokenId } from "../tokenizer-definition.ts";
import type { Vocabulary } from "../vocabulary.ts";
import type { TokenizerFamily, TokenNames } from "./families.ts";

const flags = {
  single_word: v.optional(v.boolean(), false),
  lstrip: v.optional(v.boolean(), false),
  rstrip: v.optional(v.boolean(), false),
  normalized: v.optional(v.boolean()),
  special: v.optional(v.boolean(), false),
};
const tokenSchema = v.object({ content: v.string(), ...flags });
const specialSchema = v.nullish(v.union([v.string(), tokenSchema]));

export const specialEntries = {
  pad_token: specialSchema,
  unk_token: specialSchema,
  cls_token: specialSchema,
  sep_token: specialSchema,
  mask_token: specialSchema,
  added_tokens_decoder: v.optional(v.record(v.string(), tokenSchema), {}),
};
const specialsSchema = v.object(specialEntries);

export type SpecialConfig = v.InferOutput<typeof specialsSchema>;
type Special = SpecialConfig["pad_token"];

/** The names of the special tokens. */
export function namesIn(config: SpecialConfig, { names }: TokenizerFamily): TokenNames {
  return {
    cls: contentOf(config.cls_token, names.cls),
    sep: contentOf(config.sep_token, names.sep),
    pad: contentOf(config.pad_token, names.pad),
    unk: contentOf(config.unk_token, names.unk),
    mask: contentOf(config.mask_token, names.mask),
  };
}

/**
 * All added tokens: those of `added_tokens_decoder`, and the special ones that the vocabulary has.
 * @throws CheckpointError if `added_tokens_decoder` has a key that is no id.
 */
export function readAddedTokens(
  config: SpecialConfig,
  family: TokenizerFamily,
  vocabulary: Vocabulary,
  configName: string,
): AddedToken[] {
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
  const { names, maskStripsLeft } = family;
  const specials: [Special, string, boolean][] = [
    [config.pad_token, names.pad, false],
    [config.unk_token, names.unk, false],
    [config.cls_token, names.cls, false],
    [config.sep_token, names.sep, false],
    [config.mask_token, names.mask, maskStripsLeft],
  ];
  for (const [special, name, lstrip] of specials) {
    const content = contentOf(special, name);
    const id = vocabulary.idOf(content);
    // Without an id: it is optional, or required elsewhere.
    if (id === undefined || content === "" || tokens.has(content)) continue;
    const entry = typeof special === "object" && special !== null ? special : v.parse(tokenSchema, { content, lstrip });
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
