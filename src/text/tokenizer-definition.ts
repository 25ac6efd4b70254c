/**
 * The parts of a tokenizer, independent of the file format, and the checks that all formats share.
 *
 * Must stay true: ids fit an Int32Array.
 */
import { isRecord } from "../arguments.ts";
import { CHECK_FILE_KIND, CheckpointError, GET_AGAIN, messageOf } from "../errors.ts";
import { checkJsonSize } from "../format/json-limits.ts";
import type { AddedToken } from "./added-tokens.ts";
import type { Normalizer } from "./normalizers/normalizer.ts";
import type { OffsetTrim } from "./offset-trim.ts";
import type { PairTemplate } from "./pair-template.ts";
import type { PreTokenizer } from "./pre-tokenizers/pre-tokenizer.ts";
import type { TokenModel } from "./token-model.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** What a tokenizer is made of. */
export interface TokenizerDefinition {
  /** The model's tokens and the added ones. */
  readonly vocabulary: Vocabulary;
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

export function isTokenId(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_ID;
}

export function tooManyTokens(name: string): CheckpointError {
  return new CheckpointError({
    found: `${name} has more than ${MAX_TOKENS} tokens`,
    expected: "a vocabulary, the largest of which has 501153",
    advice: CHECK_FILE_KIND,
  });
}

/** @throws CheckpointError if the text is not one JSON object, or too large. */
export function parseJson(json: string, name: string): Readonly<Record<string, unknown>> {
  const value = parsed(json, name);
  if (isRecord(value)) return value;
  const found = `${name} is ${Array.isArray(value) ? "an array" : JSON.stringify(value)}`;
  throw new CheckpointError({ found, expected: "a JSON object", advice: GET_AGAIN });
}

function parsed(json: string, name: string): unknown {
  const keys = checkJsonSize(json, { Fault: CheckpointError, name, advice: CHECK_FILE_KIND });
  // Before parsing, which takes a second and some hundred megabytes; the vocabulary is the largest object.
  if (keys > MAX_TOKENS) throw tooManyTokens(name);
  try {
    return JSON.parse(json);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new CheckpointError({ found: `${name} is not JSON (${reason})`, expected: "JSON", advice: GET_AGAIN, cause });
  }
}
