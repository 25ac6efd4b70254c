/** The pre-tokenizers of tokenizer.json, by their `type`. A new kind gets a class in `pre-tokenizers/` and a line here. */
import * as v from "valibot";
import { CheckpointError, GET_AGAIN } from "../../errors.ts";
import { BertPreTokenizer } from "../pre-tokenizers/bert.ts";
import { ByteLevelPreTokenizer } from "../pre-tokenizers/byte-level.ts";
import { MetaspacePreTokenizer } from "../pre-tokenizers/metaspace.ts";
import {
  digits,
  PatternPreTokenizer,
  PunctuationPreTokenizer,
  whitespace,
  whitespaceSplit,
} from "../pre-tokenizers/pattern.ts";
import { type PreTokenizer, SequencePreTokenizer } from "../pre-tokenizers/pre-tokenizer.ts";
import { literalPattern } from "../regex.ts";
import { BEHAVIOURS } from "../split-matches.ts";
import { readPattern } from "./patterns.ts";
import { inside, type Place, type Readers, readByType, validate } from "./validate.ts";

const byteLevelSchema = v.object({ add_prefix_space: v.boolean(), use_regex: v.optional(v.boolean(), true) });
const metaspaceSchema = v.object({
  replacement: v.pipe(v.string(), v.regex(/^[^\ud800-\udfff]$/, "Expected one character")),
  add_prefix_space: v.nullish(v.boolean()),
  prepend_scheme: v.optional(v.picklist(["always", "first", "never"]), "always"),
  split: v.nullish(v.boolean(), true),
});
const behaviour = v.picklist(BEHAVIOURS);
const punctuationSchema = v.object({ behavior: v.optional(behaviour, "Isolated") });
const digitsSchema = v.object({ individual_digits: v.boolean() });
const splitSchema = v.object({ pattern: v.unknown(), behavior: behaviour, invert: v.boolean() });
const delimiterSchema = v.object({ delimiter: v.pipe(v.string(), v.regex(/^.$/su, "Expected one character")) });
const sequenceSchema = v.object({ pretokenizers: v.array(v.unknown()) });

export const preTokenizers: Readers<PreTokenizer> = {
  BertPreTokenizer: () => new BertPreTokenizer(),
  ByteLevel(value, { name, path }) {
    const { add_prefix_space: addPrefixSpace, use_regex: useRegex } = validate(byteLevelSchema, value, name, path);
    return new ByteLevelPreTokenizer({ addPrefixSpace, useRegex });
  },
  Metaspace: readMetaspace,
  Whitespace: whitespace,
  WhitespaceSplit: whitespaceSplit,
  Punctuation: (value, { name, path }) =>
    new PunctuationPreTokenizer(validate(punctuationSchema, value, name, path).behavior),
  Digits: (value, { name, path }) => digits(validate(digitsSchema, value, name, path).individual_digits),
  Split(value, place) {
    const { pattern, behavior, invert } = validate(splitSchema, value, place.name, place.path);
    const { regex } = readPattern(pattern, inside(place, "pattern"));
    return new PatternPreTokenizer({ pattern: regex, behaviour: behavior, invert, boundary: null });
  },
  CharDelimiterSplit(value, { name, path }) {
    const { delimiter } = validate(delimiterSchema, value, name, path);
    return new PatternPreTokenizer({ pattern: literalPattern(delimiter), behaviour: "Removed" });
  },
  Sequence(value, place) {
    const { pretokenizers } = validate(sequenceSchema, value, place.name, place.path);
    return new SequencePreTokenizer(
      pretokenizers.map((member, index) => readPreTokenizer(member, inside(place, `pretokenizers[${index}]`))),
    );
  },
};

/** @throws CheckpointError if it is malformed or of no known kind. */
function readPreTokenizer(value: unknown, place: Place): PreTokenizer {
  return readByType(preTokenizers, value, place);
}

/** Old files have `add_prefix_space` in place of `prepend_scheme`. */
function readMetaspace(value: unknown, { name, path }: Place): PreTokenizer {
  const options = validate(metaspaceSchema, value, name, path);
  if (options.add_prefix_space === false && options.prepend_scheme !== "never") {
    throw new CheckpointError({
      found: `${name}: ${path}.add_prefix_space is false, but prepend_scheme is "${options.prepend_scheme}"`,
      expected: "settings that agree",
      advice: GET_AGAIN,
    });
  }
  return new MetaspacePreTokenizer({
    replacement: options.replacement,
    prependScheme: options.prepend_scheme,
    split: options.split ?? true,
  });
}
