/**
 * tokenizer_config.json: the tokenizer's class and settings.
 *
 * They may contradict tokenizer.json. transformers 4 lets some classes compare the two: if any compared setting
 * differs, tokenizer_config.json overrides all of them. This is `BertTokenizerFast.__init__`
 * (`normalizer_state.get("lowercase", do_lower_case) != do_lower_case or …`); DistilBERT and ELECTRA do the same, MPNet
 * compares all but `handle_chinese_chars`; RoBERTa compares `add_prefix_space` and `trim_offsets`. Other classes, as
 * `PreTrainedTokenizerFast`, use tokenizer.json unchanged. Without a class, config.json's model type decides.
 *
 * Must stay true: `clean_text` is always tokenizer.json's, and an absent key has the default of `__init__`.
 */
import * as v from "valibot";
import { parseJson } from "../tokenizer-definition.ts";
import { familyOf } from "./families.ts";
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

/** Null means absent. */
export const byteLevelEntries = {
  tokenizer_class: v.nullish(v.string()),
  add_prefix_space: v.nullish(v.boolean(), false),
  trim_offsets: v.nullish(v.boolean(), true),
};

const byteLevelSchema = v.object(byteLevelEntries);

const COMPARES_ALL = /^(Bert|DistilBert|Electra)Tokenizer(Fast)?$/;
const COMPARES_TWO = /^MPNetTokenizer(Fast)?$/;
const WRITES_BYTE_LEVEL = /^RobertaTokenizer(Fast)?$/;

export interface Reconciled<S> {
  readonly settings: S;
  /** A sentence if tokenizer_config.json changes what texts become. */
  readonly warnings: readonly string[];
}

/** Where the configuration comes from. */
export interface ConfigSource {
  /** The content of tokenizer_config.json, if there is one. */
  readonly configJson: string | undefined;
  /** Of tokenizer.json, for errors. */
  readonly name: string;
  /** Of config.json. */
  readonly modelType: string;
}

/**
 * The effective settings of a normalizer of tokenizer.json.
 * @throws CheckpointError if tokenizer_config.json is malformed.
 */
export function reconcileNormalizer<S extends NormalizerSettings>(
  normalizer: S,
  { configJson, name, modelType }: ConfigSource,
): Reconciled<S> {
  const unchanged = { settings: normalizer, warnings: [] };
  if (configJson === undefined) return unchanged;
  const configName = configBeside(name);
  const config = validate(settingsSchema, parseJson(configJson, configName), configName);
  const className = config.tokenizer_class ?? familyOf(modelType).className;
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

/** Components of tokenizer.json that may be byte-level, not yet read. */
export interface ByteLevelSettings {
  readonly preTokenizer: unknown;
  readonly postProcessor: unknown;
}

/**
 * The effective byte-level components: `RobertaTokenizerFast.__init__` writes its own `add_prefix_space` and
 * `trim_offsets` over those of both components, if they have them.
 * @throws CheckpointError if tokenizer_config.json is malformed.
 */
export function reconcileByteLevel(
  { preTokenizer, postProcessor }: ByteLevelSettings,
  { configJson, name, modelType }: ConfigSource,
): Reconciled<ByteLevelSettings> {
  const unchanged = { settings: { preTokenizer, postProcessor }, warnings: [] };
  if (configJson === undefined) return unchanged;
  const configName = configBeside(name);
  const config = validate(byteLevelSchema, parseJson(configJson, configName), configName);
  if (!WRITES_BYTE_LEVEL.test(config.tokenizer_class ?? familyOf(modelType).className)) return unchanged;
  const wanted = { add_prefix_space: config.add_prefix_space, trim_offsets: config.trim_offsets };
  const { add_prefix_space } = wanted;
  const before = overwritten(preTokenizer, { add_prefix_space });
  const after = overwritten(postProcessor, wanted);
  const changes = [...new Set([...before.changes, ...after.changes])];
  const warning =
    `${configName} overrides the pre-tokenizer and post-processor of tokenizer.json, as in transformers: ` +
    changes.join(", ");
  return {
    settings: { preTokenizer: before.component, postProcessor: after.component },
    warnings: changes.length === 0 ? [] : [warning],
  };
}

/** The component with these settings in place of those that it has, and what that changes. */
function overwritten(
  component: unknown,
  settings: Readonly<Record<string, unknown>>,
): { readonly component: unknown; readonly changes: readonly string[] } {
  if (typeof component !== "object" || component === null) return { component, changes: [] };
  const old = new Map<string, unknown>(Object.entries(component));
  const changed = Object.entries(settings).filter(([key, value]) => old.has(key) && old.get(key) !== value);
  return {
    component: { ...component, ...Object.fromEntries(changed) },
    changes: changed.map(([key, value]) => `${key} is ${value}, not ${old.get(key)}`),
  };
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
