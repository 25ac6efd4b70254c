/**
 * The special and added tokens of a SentencePiece tokenizer: what tokenizer_config.json says, and in older checkpoints,
 * whose configuration has no `added_tokens_decoder`, special_tokens_map.json and added_tokens.json.
 *
 * Must stay true: names, flags and order equal those of transformers 5.17.
 */
import * as v from "valibot";
import { validate } from "../files/validate.ts";

/** In the order in which transformers adds those that the vocabulary does not have. */
export const ROLES = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"] as const;
export type Role = (typeof ROLES)[number];

export interface NamedToken {
  readonly content: string;
  readonly singleWord: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
}

const tokenSchema = v.object({
  content: v.string(),
  single_word: v.optional(v.boolean(), false),
  lstrip: v.optional(v.boolean(), false),
  rstrip: v.optional(v.boolean(), false),
  normalized: v.optional(v.boolean()),
  special: v.optional(v.boolean(), false),
});
type TokenEntry = v.InferOutput<typeof tokenSchema>;
const anyToken = v.union([v.string(), tokenSchema]);
const namedToken = v.nullish(anyToken);
const tokenList = v.nullish(v.array(anyToken));

const roleEntries = {
  bos_token: namedToken,
  eos_token: namedToken,
  unk_token: namedToken,
  sep_token: namedToken,
  pad_token: namedToken,
  cls_token: namedToken,
  mask_token: namedToken,
};

/** Of tokenizer_config.json. */
export const tokenEntries = {
  ...roleEntries,
  additional_special_tokens: tokenList,
  extra_special_tokens: tokenList,
  added_tokens_decoder: v.optional(v.record(v.string(), tokenSchema)),
};
const configSchema = v.object(tokenEntries);
const mapSchema = v.object(roleEntries);
const addedSchema = v.record(v.string(), v.number());

export type TokenConfig = v.InferOutput<typeof configSchema>;

/** Files beside an older configuration, parsed; undefined if they are not there. */
export interface OlderFiles {
  readonly specialTokensMap: object | undefined;
  readonly addedTokens: object | undefined;
  /** Of special_tokens_map.json and added_tokens.json, for errors. */
  readonly mapName: string;
  readonly addedName: string;
}

export interface NamedTokens {
  readonly roles: Readonly<Record<Role, NamedToken>>;
  /** Added before all others, so that their flags count, with the ids that they are said to have. */
  readonly added: readonly (readonly [id: string, token: NamedToken])[];
  /** Undefined: the symbols of the model. */
  readonly extra: readonly NamedToken[] | undefined;
}

/**
 * @param defaults what the family calls its tokens.
 * @throws CheckpointError if a file is malformed.
 */
export function readNamedTokens(
  config: TokenConfig,
  defaults: Readonly<Record<Role, NamedToken>>,
  older: OlderFiles,
): NamedTokens {
  const isOlder = config.added_tokens_decoder === undefined;
  const map = isOlder ? validate(mapSchema, older.specialTokensMap ?? {}, older.mapName) : {};
  const addedIds = isOlder ? validate(addedSchema, older.addedTokens ?? {}, older.addedName) : {};
  const extra = config.extra_special_tokens ?? config.additional_special_tokens;
  const named = new Set(
    ROLES.flatMap((role) => [map[`${role}_token`] ?? config[`${role}_token`]])
      .concat(extra ?? [])
      .map((entry) => (typeof entry === "object" ? entry?.content : entry)),
  );
  const added = isOlder
    ? Object.entries(addedIds).map(([content, id]) => {
        return [String(id), { ...specialToken(content), normalized: !named.has(content) }] as const;
      })
    : Object.entries(config.added_tokens_decoder ?? {}).map(
        ([id, entry]) => [id, tokenOf(entry, entry.special)] as const,
      );
  const roles = ROLES.map((role) => {
    const fromMap = map[`${role}_token`];
    const entry = fromMap ?? config[`${role}_token`] ?? defaults[role].content;
    if (typeof entry === "string") return [role, { ...defaults[role], content: entry }] as const;
    return [role, tokenOf(entry, entry.special || fromMap === entry)] as const;
  });
  return {
    roles: Object.fromEntries(roles) as Record<Role, NamedToken>,
    added: [...added].sort(([left], [right]) => Number(left) - Number(right)),
    extra: extra?.map((entry) => (typeof entry === "string" ? specialToken(entry) : tokenOf(entry, entry.special))),
  };
}

/** A token that stands for itself: never normalised, and without the white space around it. */
export function specialToken(content: string): NamedToken {
  return { content, singleWord: false, lstrip: false, rstrip: false, normalized: false };
}

function tokenOf(entry: TokenEntry, isSpecial: boolean): NamedToken {
  const { content, single_word: singleWord, lstrip, rstrip, normalized = !isSpecial } = entry;
  return { content, singleWord, lstrip, rstrip, normalized };
}
