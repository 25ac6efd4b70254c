/**
 * tokenizer_config.json: the tokenizer's class and normalisation settings.
 *
 * They may contradict tokenizer.json. transformers 4 lets some classes compare the two: if any compared setting
 * differs, tokenizer_config.json overrides all of them. This is `BertTokenizerFast.__init__`
 * (`normalizer_state.get("lowercase", do_lower_case) != do_lower_case or …`); DistilBERT and ELECTRA do the same, MPNet
 * compares all but `handle_chinese_chars`. Other classes, as `PreTrainedTokenizerFast`, use tokenizer.json unchanged.
 *
 * Must stay true: `clean_text` is always tokenizer.json's, and an absent key has the default of `__init__`.
 */
import * as v from "valibot";
import { parseJson } from "./tokenizer-definition.ts";
import { validate } from "./validate.ts";

/** The name, for errors, of the tokenizer_config.json in the folder of another tokenizer file. */
export function configBeside(name: string): string {
  return `${name.slice(0, name.lastIndexOf("/") + 1)}tokenizer_config.json`;
}

/** The settings in both files. Absent or null `strip_accents` means the value of `lowercase`. */
export interface NormalizerSettings {
  readonly lowercase: boolean;
  readonly strip_accents?: boolean | null | undefined;
  readonly handle_chinese_chars: boolean;
}

/** Null means absent. */
export const settingsEntries = {
  tokenizer_class: v.nullish(v.string()),
  do_lower_case: v.nullish(v.boolean(), true),
  strip_accents: v.nullish(v.boolean()),
  tokenize_chinese_chars: v.nullish(v.boolean(), true),
};

const settingsSchema = v.object(settingsEntries);

const COMPARES_ALL = /^(Bert|DistilBert|Electra)Tokenizer(Fast)?$/;
const COMPARES_TWO = /^MPNetTokenizer(Fast)?$/;
/** Without a class in tokenizer_config.json, config.json's model type decides, which here is always "bert". */
const DEFAULT_CLASS = "BertTokenizer";

export interface Reconciled<S> {
  readonly settings: S;
  /** A sentence if tokenizer_config.json changes how texts are split. */
  readonly warnings: readonly string[];
}

/**
 * The effective settings of a normalizer of tokenizer.json.
 * @param configJson the content of tokenizer_config.json, if there is one.
 * @param name of tokenizer.json, for errors.
 * @throws CheckpointError if tokenizer_config.json is malformed.
 */
export function reconcileNormalizer<S extends NormalizerSettings>(
  normalizer: S,
  configJson: string | undefined,
  name: string,
): Reconciled<S> {
  const unchanged = { settings: normalizer, warnings: [] };
  if (configJson === undefined) return unchanged;
  const configName = configBeside(name);
  const config = validate(settingsSchema, parseJson(configJson, configName), configName);
  const className = config.tokenizer_class ?? DEFAULT_CLASS;
  const comparesAll = COMPARES_ALL.test(className);
  if (!comparesAll && !COMPARES_TWO.test(className)) return unchanged;
  const wanted = { lowercase: config.do_lower_case, strip_accents: config.strip_accents ?? null };
  const chinese = comparesAll ? config.tokenize_chinese_chars : normalizer.handle_chinese_chars;
  const isSame =
    normalizer.lowercase === wanted.lowercase &&
    (normalizer.strip_accents ?? null) === wanted.strip_accents &&
    normalizer.handle_chinese_chars === chinese;
  if (isSame) return unchanged;
  const settings = { ...normalizer, ...wanted, handle_chinese_chars: chinese };
  return { settings, warnings: changeWarnings(normalizer, settings, configName) };
}

/** Empty if both have the same effect. */
function changeWarnings(before: NormalizerSettings, after: NormalizerSettings, configName: string): string[] {
  const [old, now] = [effective(before), effective(after)];
  const changes = Object.entries(now).flatMap(([key, value]) => {
    const was = old[key as keyof typeof old];
    return value === was ? [] : [`${key} is ${value}, not ${was}`];
  });
  if (changes.length === 0) return [];
  return [`${configName} overrides the normalizer of tokenizer.json, as in transformers: ${changes.join(", ")}`];
}

const effective = ({ lowercase, strip_accents: strip, handle_chinese_chars }: NormalizerSettings) => ({
  lowercase,
  strip_accents: strip ?? lowercase,
  handle_chinese_chars,
});
