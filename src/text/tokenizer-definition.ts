/**
 * The parts of a tokenizer, independent of the file format, and the checks that all formats share.
 *
 * Must stay true: a checked definition has no duplicate ids, and only ids that fit an Int32Array.
 */
import { CHECK_FILE_KIND, CheckpointError, GET_AGAIN, messageOf } from "../errors.ts";
import { checkJsonSize, hasObjectBeyond } from "../format/json-limits.ts";
import type { AddedToken } from "./added-tokens.ts";
import { isWellFormed } from "./characters.ts";
import type { Normalizer } from "./normalizers/normalizer.ts";
import type { OffsetTrim } from "./offset-trim.ts";
import type { PairTemplate } from "./pair-template.ts";
import type { PreTokenizer } from "./pre-tokenizers/pre-tokenizer.ts";
import type { TokenModel } from "./token-model.ts";

/** What a tokenizer is made of. */
export interface TokenizerDefinition {
  /** Vocabulary and added tokens, by id. */
  readonly tokens: ReadonlyMap<number, string>;
  readonly addedTokens: readonly AddedToken[];
  readonly normalizer: Normalizer | undefined;
  /** Without one, a text is one word. */
  readonly preTokenizer: PreTokenizer | undefined;
  readonly model: TokenModel;
  readonly trims: readonly OffsetTrim[];
  readonly pair: PairTemplate;
  /** Sentences without the full stop. */
  readonly warnings: readonly string[];
}

const MAX_ID = 0x7fffffff;
/** The largest known vocabulary, LaBSE's, has 501,153 tokens. */
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
      advice: CHECK_FILE_KIND,
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
    expected: "it to be there",
    advice: "Check that the file is complete, and that it belongs to the model.",
  });
}

export function tooManyTokens(name: string): CheckpointError {
  return new CheckpointError({
    found: `${name} has more than ${MAX_TOKENS} tokens`,
    expected: "a vocabulary, the largest of which has 501153",
    advice: CHECK_FILE_KIND,
  });
}

/** @throws CheckpointError if the text is not one JSON object, or too large. */
export function parseJson(json: string, name: string): object {
  const value = parsed(json, name);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  const found = `${name} is ${Array.isArray(value) ? "an array" : JSON.stringify(value)}`;
  throw new CheckpointError({ found, expected: "a JSON object", advice: GET_AGAIN });
}

function parsed(json: string, name: string): unknown {
  checkJsonSize(json, { Fault: CheckpointError, name, advice: CHECK_FILE_KIND });
  // Before parsing, which takes a second and some hundred megabytes; the vocabulary is the largest object.
  if (hasObjectBeyond(json, MAX_TOKENS)) throw tooManyTokens(name);
  try {
    return JSON.parse(json);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new CheckpointError({ found: `${name} is not JSON (${reason})`, expected: "JSON", advice: GET_AGAIN, cause });
  }
}
