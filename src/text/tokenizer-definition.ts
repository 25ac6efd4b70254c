/**
 * The data of a tokenizer, independent of the file format, and the checks that all formats share.
 *
 * Must stay true: a checked definition has an id for every special token, no duplicate ids, and only ids that fit an
 * Int32Array.
 */
import { CHECK_FILE_KIND, CheckpointError, GET_AGAIN, messageOf } from "../errors.ts";
import { checkJsonSize, hasObjectBeyond } from "../format/json-limits.ts";
import type { AddedToken } from "./added-tokens.ts";
import { isWellFormed } from "./characters.ts";
import type { NormalizerOptions } from "./normalize.ts";

/** Token ids. */
export interface SpecialTokens {
  readonly cls: number;
  readonly sep: number;
  readonly pad: number;
  readonly unk: number;
}

export interface TokenizerDefinition {
  readonly vocabulary: ReadonlyMap<string, number>;
  /** Vocabulary and added tokens, by id. */
  readonly tokens: ReadonlyMap<number, string>;
  readonly addedTokens: readonly AddedToken[];
  readonly normalizer: NormalizerOptions;
  readonly continuingSubwordPrefix: string;
  readonly maxInputCharsPerWord: number;
  readonly unknownId: number;
  readonly special: SpecialTokens;
  /** Sentences without the full stop. */
  readonly warnings: readonly string[];
}

const MAX_ID = 0x7fffffff;
/** The largest BERT vocabulary, LaBSE's, has 501,153 tokens. */
export const MAX_TOKENS = 600_000;
/** Over all added tokens: each character may become a trie node (`added-tokens.ts`). */
const MAX_ADDED_CHARACTERS = 250_000;

export function isTokenId(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_ID;
}

/**
 * The tokens by id.
 * @throws CheckpointError unless tokens and ids are one to one and all tokens are valid Unicode.
 */
export function tokensById(
  vocabulary: ReadonlyMap<string, number>,
  addedTokens: readonly AddedToken[],
  name: string,
): ReadonlyMap<number, string> {
  const added = addedTokens.reduce((sum, { content }) => sum + content.length, 0);
  if (added > MAX_ADDED_CHARACTERS) {
    throw new CheckpointError({
      found: `${name}: the ${addedTokens.length} added tokens have ${added} characters`,
      expected: `at most ${MAX_ADDED_CHARACTERS} in all`,
      advice: "Check that the file belongs to a BERT.",
    });
  }
  const tokens = new Map<number, string>();
  for (const [token, id] of vocabulary) addToken(tokens, token, id, name);
  for (const { content, id } of addedTokens) {
    const known = vocabulary.get(content);
    if (known !== undefined && known !== id) {
      throw new CheckpointError({
        found: `${name}: the added token ${JSON.stringify(content)} has the id ${id}, but in the vocabulary it has ${known}`,
        expected: "one id for each token",
        advice: GET_AGAIN,
      });
    }
    addToken(tokens, content, id, name);
  }
  return tokens;
}

function addToken(tokens: Map<number, string>, token: string, id: number, name: string): void {
  if (!isWellFormed(token)) {
    throw new CheckpointError({
      found: `${name}: the token ${JSON.stringify(token)} with the id ${id} holds half a surrogate pair`,
      expected: "tokens that are valid Unicode",
      advice: GET_AGAIN,
    });
  }
  const known = tokens.get(id);
  if (known !== undefined && known !== token) {
    throw new CheckpointError({
      found: `${name}: ${JSON.stringify(known)} and ${JSON.stringify(token)} both have the id ${id}`,
      expected: "an id of its own for each token",
      advice: GET_AGAIN,
    });
  }
  tokens.set(id, token);
}

/** Added tokens take precedence over the vocabulary. */
export function findId(
  token: string,
  vocabulary: ReadonlyMap<string, number>,
  addedTokens: readonly AddedToken[],
): number | undefined {
  return addedTokens.find(({ content }) => content === token)?.id ?? vocabulary.get(token);
}

/** @throws CheckpointError if there is no such token. */
export function requireId(
  token: string,
  vocabulary: ReadonlyMap<string, number>,
  addedTokens: readonly AddedToken[],
  name: string,
): number {
  const id = findId(token, vocabulary, addedTokens);
  if (id !== undefined) return id;
  throw new CheckpointError({
    found: `${name}: the vocabulary of ${vocabulary.size} tokens has no ${token}`,
    expected: "a BERT vocabulary, which has [PAD], [UNK], [CLS] and [SEP]",
    advice: "Check that the file belongs to a BERT and is complete.",
  });
}

/** @throws CheckpointError if two of them share an id. */
export function checkSpecial({ cls, sep, unk }: SpecialTokens, name: string): void {
  if (cls !== sep && cls !== unk && sep !== unk) return;
  throw new CheckpointError({
    found: `${name}: [CLS], [SEP] and [UNK] have the ids ${cls}, ${sep} and ${unk}`,
    expected: "an id of its own for each",
    advice: GET_AGAIN,
  });
}

export function tooManyTokens(name: string): CheckpointError {
  return new CheckpointError({
    found: `${name} has more than ${MAX_TOKENS} tokens`,
    expected: "the vocabulary of a BERT, the largest of which has 501153",
    advice: CHECK_FILE_KIND,
  });
}

/** @throws CheckpointError if the text is not one JSON object, or too large. */
export function parseJson(json: string, name: string): unknown {
  const value = parsed(json, name);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  const found = `${name} is ${Array.isArray(value) ? "an array" : JSON.stringify(value)}`;
  throw new CheckpointError({ found, expected: "a JSON object", advice: GET_AGAIN });
}

function parsed(json: string, name: string): unknown {
  const advice = "Only a BERT tokenizer can be used: check that the file is one.";
  checkJsonSize(json, { Fault: CheckpointError, name, advice });
  // Before parsing, which takes a second and some hundred megabytes; the vocabulary is the largest object.
  if (hasObjectBeyond(json, MAX_TOKENS)) throw tooManyTokens(name);
  try {
    return JSON.parse(json);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new CheckpointError({ found: `${name} is not JSON (${reason})`, expected: "JSON", advice: GET_AGAIN, cause });
  }
}
