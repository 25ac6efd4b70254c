/** The normalizers of tokenizer.json, by their `type`. A new kind gets a class in `normalizers/` and a line here. */
import * as v from "valibot";
import { BertNormalizer, type BertNormalizerOptions } from "../normalizers/bert.ts";
import { byteLevel, lowercase, nmt, stripAccents } from "../normalizers/characters.ts";
import { type Normalizer, SequenceNormalizer } from "../normalizers/normalizer.ts";
import { PrecompiledNormalizer } from "../normalizers/precompiled.ts";
import { PrependNormalizer, ReplaceNormalizer } from "../normalizers/replace.ts";
import { StripNormalizer } from "../normalizers/strip.ts";
import { type NormalForm, UnicodeNormalizer } from "../normalizers/unicode.ts";
import { readPattern } from "./patterns.ts";
import { inside, type Place, type Readers, readByType, validate } from "./validate.ts";

const bertSchema = v.object({
  clean_text: v.boolean(),
  handle_chinese_chars: v.boolean(),
  strip_accents: v.nullish(v.boolean()),
  lowercase: v.boolean(),
});
const sequenceSchema = v.object({ normalizers: v.array(v.unknown()) });
const stripSchema = v.object({ strip_left: v.boolean(), strip_right: v.boolean() });
const replaceSchema = v.object({ pattern: v.unknown(), content: v.string() });
const precompiledSchema = v.object({ precompiled_charsmap: v.string() });
const prependSchema = v.object({ prepend: v.string() });

/** Of white space only: such a match begins where a piece of text may be cut, so it is in one piece. */
const SPACES = /^(?:[ ]|\[[ ]\]|\\s|\[\\s\])(?:\+|\{\d+,\d*\})?$/;

const unicode = (form: NormalForm) => () => new UnicodeNormalizer(form);

const readers: Readers<Normalizer> = {
  BertNormalizer: (value, place) => new BertNormalizer(bertOptions(readBertSettings(value, place))),
  NFC: unicode("NFC"),
  NFD: unicode("NFD"),
  NFKC: unicode("NFKC"),
  NFKD: unicode("NFKD"),
  Lowercase: lowercase,
  StripAccents: stripAccents,
  Nmt: nmt,
  ByteLevel: byteLevel,
  Strip(value, { name, path }) {
    const { strip_left: left, strip_right: right } = validate(stripSchema, value, name, path);
    return new StripNormalizer(left, right);
  },
  Replace(value, place) {
    const { pattern, content } = validate(replaceSchema, value, place.name, place.path);
    const { regex, written } = readPattern(pattern, inside(place, "pattern"));
    return new ReplaceNormalizer(regex, content, /\s|\\|\[|\./.test(written) && !SPACES.test(written));
  },
  Prepend: (value, { name, path }) => new PrependNormalizer(validate(prependSchema, value, name, path).prepend),
  Precompiled(value, { name, path }) {
    const { precompiled_charsmap: charsmap } = validate(precompiledSchema, value, name, path);
    return PrecompiledNormalizer.fromBase64(charsmap, `${name}: ${path}.precompiled_charsmap`);
  },
  Sequence(value, place) {
    const { normalizers } = validate(sequenceSchema, value, place.name, place.path);
    return new SequenceNormalizer(
      normalizers.map((member, index) => readNormalizer(member, inside(place, `normalizers[${index}]`))),
    );
  },
};

/** @throws CheckpointError if it is malformed or of no known kind. */
export function readNormalizer(value: unknown, place: Place): Normalizer {
  return readByType(readers, value, place);
}

export type BertSettings = v.InferOutput<typeof bertSchema>;

/** The settings of a BertNormalizer as they stand in the file. */
export function readBertSettings(value: unknown, { name, path }: Place): BertSettings {
  return validate(bertSchema, value, name, path);
}

export function bertOptions(settings: BertSettings): BertNormalizerOptions {
  return {
    cleanText: settings.clean_text,
    handleChineseChars: settings.handle_chinese_chars,
    stripAccents: settings.strip_accents ?? settings.lowercase,
    lowercase: settings.lowercase,
  };
}
