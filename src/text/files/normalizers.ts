/** The normalizers of tokenizer.json, by their `type`. A new kind gets a class in `normalizers/` and a line here. */
import * as v from "valibot";
import { byteLevel, lowercase, nmt, stripAccents } from "../normalizers/characters.ts";
import { type Normalizer, SequenceNormalizer } from "../normalizers/normalizer.ts";
import { PrecompiledNormalizer } from "../normalizers/precompiled.ts";
import { PrependNormalizer, ReplaceNormalizer } from "../normalizers/replace.ts";
import { StripNormalizer } from "../normalizers/strip.ts";
import { type NormalForm, UnicodeNormalizer } from "../normalizers/unicode.ts";
import { readBertNormalizer } from "./bert-components.ts";
import { readPattern } from "./patterns.ts";
import { inside, type Place, type Readers, readByType, validate } from "./validate.ts";

const sequenceSchema = v.object({ normalizers: v.array(v.unknown()) });
const stripSchema = v.object({ strip_left: v.boolean(), strip_right: v.boolean() });
const replaceSchema = v.object({ pattern: v.unknown(), content: v.string() });
const precompiledSchema = v.object({ precompiled_charsmap: v.string() });
const prependSchema = v.object({ prepend: v.string() });

/** Of white space only: such a match begins where a piece of text may be cut, so it is in one piece. */
const SPACES = /^(?:[ ]|\[[ ]\]|\\s|\[\\s\])(?:\+|\{\d+,\d*\})?$/;

const unicode = (form: NormalForm) => () => new UnicodeNormalizer(form);

export const normalizers: Readers<Normalizer> = {
  BertNormalizer: readBertNormalizer,
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
    const { normalizers: members } = validate(sequenceSchema, value, place.name, place.path);
    return new SequenceNormalizer(
      members.map((member, index) => readNormalizer(member, inside(place, `normalizers[${index}]`))),
    );
  },
};

/** @throws CheckpointError if it is malformed or of no known kind. */
function readNormalizer(value: unknown, place: Place): Normalizer {
  return readByType(normalizers, value, place);
}
