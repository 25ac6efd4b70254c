/**
 * The tokens of a model and their ids: what all kinds of models have in common, whatever they store it in.
 *
 * Must stay true: tokens are valid Unicode, no two have the same id, and an added token has the id that the vocabulary
 * gives it.
 */
import { CHECK_FILE_KIND, CheckpointError, GET_AGAIN } from "../errors.ts";
import type { AddedToken } from "./added-tokens.ts";
import { isWellFormed } from "./characters.ts";

export interface Vocabulary {
  /** The number of tokens. */
  readonly size: number;
  /** -1 if there are no tokens. */
  readonly maxId: number;
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
}

/** Over all added tokens: each character may become a trie node (`added-tokens.ts`). */
const MAX_ADDED_CHARACTERS = 250_000;

/** A vocabulary that is a list of names with their ids. */
export class TokenMap implements Vocabulary {
  readonly ids: ReadonlyMap<string, number>;
  /** Sparse. */
  readonly #tokens: (string | undefined)[] = [];

  /**
   * @param name of the file, for errors.
   * @throws CheckpointError unless ids are unique and all tokens are valid Unicode.
   */
  constructor(ids: ReadonlyMap<string, number>, name: string) {
    this.ids = ids;
    // Of thousands of tokens, and run once: a callback takes a fifth of the time of a destructuring loop.
    const tokens = this.#tokens;
    ids.forEach((id, token) => {
      checkToken(token, id, tokens[id], name);
      tokens[id] = token;
    });
  }

  get size(): number {
    return this.ids.size;
  }

  get maxId(): number {
    return this.#tokens.length - 1;
  }

  idOf(token: string): number | undefined {
    return this.ids.get(token);
  }

  tokenOf(id: number): string | undefined {
    return this.#tokens[id];
  }
}

/** A vocabulary and the tokens that were added to it. */
export class ExtendedVocabulary implements Vocabulary {
  readonly size: number;
  readonly maxId: number;
  readonly #vocabulary: Vocabulary;
  /** The added tokens that are not in the vocabulary. */
  readonly #ids = new Map<string, number>();
  readonly #tokens = new Map<number, string>();

  /**
   * @param name of the file, for errors.
   * @throws CheckpointError if an added token has another id in the vocabulary, or the id of another token.
   */
  constructor(vocabulary: Vocabulary, addedTokens: readonly AddedToken[], name: string) {
    checkLength(addedTokens, name);
    this.#vocabulary = vocabulary;
    let maxId = vocabulary.maxId;
    for (const { content, id } of addedTokens) {
      const known = vocabulary.idOf(content);
      if (known !== undefined && known !== id) throw differentIds(content, id, known, name);
      checkToken(content, id, this.tokenOf(id), name);
      if (known !== undefined) continue;
      this.#ids.set(content, id);
      this.#tokens.set(id, content);
      maxId = Math.max(maxId, id);
    }
    this.size = vocabulary.size + this.#ids.size;
    this.maxId = maxId;
  }

  idOf(token: string): number | undefined {
    return this.#vocabulary.idOf(token) ?? this.#ids.get(token);
  }

  tokenOf(id: number): string | undefined {
    return this.#vocabulary.tokenOf(id) ?? this.#tokens.get(id);
  }
}

/** @throws CheckpointError if there is no such token. */
export function requireId(token: string, vocabulary: Vocabulary, name: string): number {
  const id = vocabulary.idOf(token);
  if (id !== undefined) return id;
  throw new CheckpointError({
    found: `${name}: the vocabulary of ${vocabulary.size} tokens has no ${token.slice(0, 80)}`,
    expected: "it to be there",
    advice: "Check that the file is complete, and that it belongs to the model.",
  });
}

function checkLength(addedTokens: readonly AddedToken[], name: string): void {
  const length = addedTokens.reduce((sum, { content }) => sum + content.length, 0);
  if (length <= MAX_ADDED_CHARACTERS) return;
  throw new CheckpointError({
    found: `${name}: the ${addedTokens.length} added tokens have ${length} characters`,
    expected: `at most ${MAX_ADDED_CHARACTERS} in all`,
    advice: CHECK_FILE_KIND,
  });
}

/** @param known the token that has this id already, if there is one. */
function checkToken(token: string, id: number, known: string | undefined, name: string): void {
  if (!isWellFormed(token)) {
    throw new CheckpointError({
      found: `${name}: the token ${JSON.stringify(token)} with the id ${id} holds half a surrogate pair`,
      expected: "tokens that are valid Unicode",
      advice: GET_AGAIN,
    });
  }
  if (known === undefined || known === token) return;
  throw new CheckpointError({
    found: `${name}: ${JSON.stringify(known)} and ${JSON.stringify(token)} both have the id ${id}`,
    expected: "an id of its own for each token",
    advice: GET_AGAIN,
  });
}

function differentIds(token: string, id: number, known: number, name: string): CheckpointError {
  return new CheckpointError({
    found: `${name}: the added token ${JSON.stringify(token)} has the id ${id}, but in the vocabulary it has ${known}`,
    expected: "one id for each token",
    advice: GET_AGAIN,
  });
}
