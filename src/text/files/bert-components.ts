/**
 * The components of BERT's tokenizers, apart from all others, so that a page whose model is a BERT downloads no more
 * (`all-components.ts` has all).
 */
import * as v from "valibot";
import { BertNormalizer } from "../normalizers/bert.ts";
import { BertPreTokenizer } from "../pre-tokenizers/bert.ts";
import type { Components } from "./components.ts";
import { type Place, validate } from "./validate.ts";
import { readWordPiece } from "./word-piece.ts";

const bertSchema = v.object({
  clean_text: v.boolean(),
  handle_chinese_chars: v.boolean(),
  strip_accents: v.nullish(v.boolean()),
  lowercase: v.boolean(),
});
export type BertSettings = v.InferOutput<typeof bertSchema>;

/** The settings of a BertNormalizer as they stand in the file. */
export function readBertSettings(value: unknown, { name, path }: Place): BertSettings {
  return validate(bertSchema, value, name, path);
}

export function bertNormalizer(settings: BertSettings): BertNormalizer {
  return new BertNormalizer({
    cleanText: settings.clean_text,
    handleChineseChars: settings.handle_chinese_chars,
    stripAccents: settings.strip_accents ?? settings.lowercase,
    lowercase: settings.lowercase,
  });
}

export const readBertNormalizer = (value: unknown, place: Place): BertNormalizer =>
  bertNormalizer(readBertSettings(value, place));

export const bertComponents: Components = {
  normalizers: { BertNormalizer: readBertNormalizer },
  preTokenizers: { BertPreTokenizer: () => new BertPreTokenizer() },
  models: { WordPiece: readWordPiece },
};
