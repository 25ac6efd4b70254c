/** The model WordPiece of tokenizer.json, and what all models' vocabularies are read by. */
import * as v from "valibot";
import { CheckpointError, GET_AGAIN } from "../../errors.ts";
import { WordPiece } from "../models/word-piece.ts";
import type { TokenModel } from "../token-model.ts";
import { isTokenId } from "../tokenizer-definition.ts";
import { requireId, TokenMap, type Vocabulary } from "../vocabulary.ts";
import { type Place, validate } from "./validate.ts";

/** A model, and its tokens with their ids. */
export interface ReadModel {
  readonly model: TokenModel;
  readonly vocabulary: Vocabulary;
}

/** 100 in every known BERT; WordPiece's time per character grows with its square. */
const MAX_WORD = 1000;

// Checked in readVocab: valibot's record drops the keys "constructor" and "prototype", which are English words.
export const vocab = v.custom<Readonly<Record<string, unknown>>>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "Expected an object of tokens with their ids",
);
const wordPieceSchema = v.object({
  unk_token: v.string(),
  continuing_subword_prefix: v.string(),
  max_input_chars_per_word: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(MAX_WORD)), 100),
  vocab,
});
/** @throws CheckpointError if it is malformed. */
export function readWordPiece(value: unknown, { name, path }: Place): ReadModel {
  const options = validate(wordPieceSchema, value, name, path);
  const vocabulary = readVocab(options.vocab, { name, path: `${path}.vocab` });
  const model = new WordPiece({
    vocabulary: vocabulary.ids,
    unknownId: requireId(options.unk_token, vocabulary, name),
    continuingSubwordPrefix: options.continuing_subword_prefix,
    maxInputCharsPerWord: options.max_input_chars_per_word,
  });
  return { model, vocabulary };
}

/** @throws CheckpointError if an id is none. */
export function readVocab(idsByToken: Readonly<Record<string, unknown>>, { name, path }: Place): TokenMap {
  const vocabulary = new Map<string, number>();
  for (const token of Object.keys(idsByToken)) {
    const id = idsByToken[token];
    if (!isTokenId(id)) {
      throw new CheckpointError({
        found: `${name}: the id of ${JSON.stringify(token)} in ${path === "" ? "it" : path} is ${JSON.stringify(id)}`,
        expected: "a whole number from 0 to 2147483647",
        advice: GET_AGAIN,
      });
    }
    vocabulary.set(token, id);
  }
  return new TokenMap(vocabulary, name);
}
