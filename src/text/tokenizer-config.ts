/**
 * tokenizer_config.json: the tokenizer's class and how it normalises.
 *
 * Beside a tokenizer.json the two may contradict each other. transformers 4 then believes tokenizer_config.json, where the
 * class is one that compares: if any compared setting differs, all of them are rebuilt from the configuration. This is
 * `BertTokenizerFast.__init__` (`normalizer_state.get("lowercase", do_lower_case) != do_lower_case or …`); those of
 * DistilBERT and ELECTRA are the same, MPNet's compares all but `handle_chinese_chars`. Other classes, among them
 * `PreTrainedTokenizerFast`, take tokenizer.json as it is.
 *
 * Must stay true: `clean_text` is tokenizer.json's in any case, and an absent key means what it means in `__init__`.
 */
import * as v from "valibot";
import { parseJson } from "./tokenizer-definition.ts";
import { validate } from "./validate.ts";

/** What errors call the tokenizer_config.json that stands beside a file of the tokenizer. */
export function configBeside(name: string): string {
  return `${name.slice(0, name.lastIndexOf("/") + 1)}tokenizer_config.json`;
}

/** The settings that both files have. `strip_accents` absent or null: as `lowercase`. */
export interface NormalizerSettings {
  readonly lowercase: boolean;
  readonly strip_accents?: boolean | null | undefined;
  readonly handle_chinese_chars: boolean;
}

/** Null means absent here: no class accepts it. */
export const settingsEntries = {
  tokenizer_class: v.nullish(v.string()),
  do_lower_case: v.nullish(v.boolean(), true),
  strip_accents: v.nullish(v.boolean()),
  tokenize_chinese_chars: v.nullish(v.boolean(), true),
};

const settingsSchema = v.object(settingsEntries);

const COMPARES_ALL = /^(Bert|DistilBert|Electra)Tokenizer(Fast)?$/;
const COMPARES_TWO = /^MPNetTokenizer(Fast)?$/;
/** Where tokenizer_config.json names no class, config.json decides, and fusebert reads only models of type "bert". */
const CLASS_OF_BERT = "BertTokenizer";

export interface Reconciled<S> {
  readonly settings: S;
  /** A sentence where tokenizer_config.json changes how texts are split. */
  readonly warnings: readonly string[];
}

/**
 * The settings that hold for a normalizer of tokenizer.json.
 * @param configJson the content of tokenizer_config.json; without one the normalizer stands as it is.
 * @param name names tokenizer.json in errors.
 * @throws CheckpointError that names tokenizer_config.json when it is damaged.
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
  const className = config.tokenizer_class ?? CLASS_OF_BERT;
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
  return { settings, warnings: overruled(normalizer, settings, configName) };
}

/** Nothing where both come to the same. */
function overruled(before: NormalizerSettings, after: NormalizerSettings, configName: string): string[] {
  const [old, now] = [effective(before), effective(after)];
  const changes = Object.entries(now).flatMap(([key, value]) => {
    const was = old[key as keyof typeof old];
    return value === was ? [] : [`${key} is ${value}, not ${was}`];
  });
  if (changes.length === 0) return [];
  return [`${configName} overrules the normalizer of tokenizer.json, as in transformers: ${changes.join(", ")}`];
}

const effective = ({ lowercase, strip_accents: strip, handle_chinese_chars }: NormalizerSettings) => ({
  lowercase,
  strip_accents: strip ?? lowercase,
  handle_chinese_chars,
});
