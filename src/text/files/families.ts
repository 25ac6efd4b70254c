/**
 * What a model's family decides where its tokenizer's files are silent: the class, the names of the special tokens, and
 * the template of a pair. Families differ in nothing else here.
 */
import { bertTemplate, type PairTemplate, robertaTemplate } from "../pair-template.ts";
import { requireId, type Vocabulary } from "../vocabulary.ts";

export interface TokenNames {
  readonly cls: string;
  readonly sep: string;
  readonly pad: string;
  readonly unk: string;
  readonly mask: string;
}

const BERT_NAMES: TokenNames = { cls: "[CLS]", sep: "[SEP]", pad: "[PAD]", unk: "[UNK]", mask: "[MASK]" };
const ROBERTA_NAMES: TokenNames = { cls: "<s>", sep: "</s>", pad: "<pad>", unk: "<unk>", mask: "<mask>" };

export interface TokenizerFamily {
  /** The slow class of transformers. */
  readonly className: string;
  readonly names: TokenNames;
  readonly template: (cls: number, sep: number) => PairTemplate;
  /** Whether the mask token takes the white space before it. */
  readonly maskStripsLeft: boolean;
}

/** By the `model_type` of config.json. */
const families: Readonly<Record<string, TokenizerFamily>> = {
  bert: { className: "BertTokenizer", names: BERT_NAMES, template: bertTemplate, maskStripsLeft: false },
  distilbert: { className: "DistilBertTokenizer", names: BERT_NAMES, template: bertTemplate, maskStripsLeft: false },
  electra: { className: "ElectraTokenizer", names: BERT_NAMES, template: bertTemplate, maskStripsLeft: false },
  mpnet: {
    className: "MPNetTokenizer",
    names: { ...ROBERTA_NAMES, unk: "[UNK]" },
    template: robertaTemplate,
    maskStripsLeft: true,
  },
  roberta: { className: "RobertaTokenizer", names: ROBERTA_NAMES, template: robertaTemplate, maskStripsLeft: true },
  "xlm-roberta": {
    className: "XLMRobertaTokenizer",
    names: ROBERTA_NAMES,
    template: robertaTemplate,
    maskStripsLeft: true,
  },
  camembert: { className: "CamembertTokenizer", names: ROBERTA_NAMES, template: robertaTemplate, maskStripsLeft: true },
  albert: {
    className: "AlbertTokenizer",
    names: { ...BERT_NAMES, pad: "<pad>", unk: "<unk>" },
    template: bertTemplate,
    maskStripsLeft: true,
  },
  "deberta-v2": { className: "DebertaV2Tokenizer", names: BERT_NAMES, template: bertTemplate, maskStripsLeft: true },
  modernbert: { className: "PreTrainedTokenizerFast", names: BERT_NAMES, template: bertTemplate, maskStripsLeft: true },
};

/** A family that is not known is taken for BERT's. */
export function familyOf(modelType: string): TokenizerFamily {
  const family = Object.hasOwn(families, modelType) ? families[modelType] : undefined;
  return family ?? (families["bert"] as TokenizerFamily);
}

/**
 * The template of a tokenizer without a post-processor.
 * @throws CheckpointError if the vocabulary has no such special tokens.
 */
export function defaultPair(modelType: string, vocabulary: Vocabulary, name: string): PairTemplate {
  const { names, template } = familyOf(modelType);
  const idOf = (token: string) => requireId(token, vocabulary, name);
  return template(idOf(names.cls), idOf(names.sep));
}
