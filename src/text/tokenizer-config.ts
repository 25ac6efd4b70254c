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

export const CONFIG_NAME = "tokenizer_config.json";

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

/**
 * The settings that hold for a normalizer of tokenizer.json.
 * @param configJson the content of tokenizer_config.json; without one the normalizer stands as it is.
 * @throws CheckpointError that names tokenizer_config.json when it is damaged.
 */
export function reconcileNormalizer<S extends NormalizerSettings>(normalizer: S, configJson: string | undefined): S {
  if (configJson === undefined) return normalizer;
  const config = validate(settingsSchema, parseJson(configJson, CONFIG_NAME), CONFIG_NAME);
  const name = config.tokenizer_class ?? CLASS_OF_BERT;
  const comparesAll = COMPARES_ALL.test(name);
  if (!comparesAll && !COMPARES_TWO.test(name)) return normalizer;
  const wanted = { lowercase: config.do_lower_case, strip_accents: config.strip_accents ?? null };
  const chinese = comparesAll ? config.tokenize_chinese_chars : normalizer.handle_chinese_chars;
  const isSame =
    normalizer.lowercase === wanted.lowercase &&
    (normalizer.strip_accents ?? null) === wanted.strip_accents &&
    normalizer.handle_chinese_chars === chinese;
  return isSame ? normalizer : { ...normalizer, ...wanted, handle_chinese_chars: chinese };
}
