/**
 * What the tokenizer classes of transformers 5.17 build from SentencePiece's file: the order of the vocabulary, the
 * normalizer, the pre-tokenizer, and the special tokens around a question and a text. One entry a class.
 *
 * The Fairseq models (XLM-RoBERTa, CamemBERT) have other ids than SentencePiece: their own special tokens come first.
 */

import { lowercase, stripAccents } from "../normalizers/characters.ts";
import { Charsmap } from "../normalizers/charsmap.ts";
import { type Normalizer, SequenceNormalizer } from "../normalizers/normalizer.ts";
import { PrecompiledNormalizer } from "../normalizers/precompiled.ts";
import { ReplaceNormalizer } from "../normalizers/replace.ts";
import { StripNormalizer } from "../normalizers/strip.ts";
import { UnicodeNormalizer } from "../normalizers/unicode.ts";
import { bertTemplate, type PairTemplate, robertaTemplate } from "../pair-template.ts";
import { MetaspacePreTokenizer } from "../pre-tokenizers/metaspace.ts";
import { PunctuationPreTokenizer, whitespaceSplit } from "../pre-tokenizers/pattern.ts";
import { type PreTokenizer, SequencePreTokenizer } from "../pre-tokenizers/pre-tokenizer.ts";
import { literalPattern } from "../regex.ts";
import { translatePattern } from "../translate-pattern.ts";
import type { SentencePieceModel } from "./model-proto.ts";
import { type NamedToken, type Role, specialToken } from "./named-tokens.ts";

/** Of tokenizer_config.json. */
export interface LayoutSettings {
  readonly doLowerCase: boolean;
  readonly keepAccents: boolean;
  readonly splitByPunct: boolean;
  readonly addPrefixSpace: boolean;
}

export interface PieceList {
  readonly vocab: readonly (readonly [piece: string, score: number])[];
  readonly unknownId: number;
}

type Names = Readonly<Record<Role, NamedToken>>;

export interface Layout {
  readonly names: Names;
  /** Where tokenizer_config.json is silent. */
  readonly doLowerCase: boolean;
  readonly pieces: (model: SentencePieceModel, names: Names) => PieceList;
  /** @param name of the character map, for errors. */
  readonly normalizer: (model: SentencePieceModel, settings: LayoutSettings, name: string) => Normalizer | undefined;
  readonly preTokenizer: (settings: LayoutSettings) => PreTokenizer;
  readonly template: (cls: number, sep: number) => PairTemplate;
  /** Which tokens the template has. */
  readonly ends: readonly [cls: Role, sep: Role];
}

function namesOf(cls: string, sep: string, [unk, pad, mask]: readonly [string, string, string]): Names {
  return {
    bos: specialToken(cls),
    eos: specialToken(sep),
    unk: specialToken(unk),
    sep: specialToken(sep),
    pad: specialToken(pad),
    cls: specialToken(cls),
    mask: specialToken(mask),
  };
}

const fairseqNames = namesOf("<s>", "</s>", ["<unk>", "<pad>", "<mask>"]);

/** Without a character map, transformers gives up; here nothing is normalised. */
function precompiled({ charsmap }: SentencePieceModel, name: string): Normalizer[] {
  return charsmap === undefined ? [] : [new PrecompiledNormalizer(new Charsmap(charsmap, name))];
}

function metaspace(prependScheme: "always" | "first" | "never"): PreTokenizer {
  return new MetaspacePreTokenizer({ replacement: "\u2581", prependScheme, split: true });
}

const wordsAtSpaces = ({ addPrefixSpace }: LayoutSettings) =>
  new SequencePreTokenizer([whitespaceSplit(), metaspace(addPrefixSpace ? "always" : "never")]);

const xlmRoberta: Layout = {
  names: fairseqNames,
  doLowerCase: false,
  pieces: ({ pieces }, { bos, pad, eos, unk, mask }) => ({
    vocab: [
      ...[bos, pad, eos, unk].map(({ content }) => [content, 0] as const),
      ...pieces.slice(3),
      [mask.content, 0] as const,
    ],
    unknownId: 3,
  }),
  normalizer: (model, _settings, name) => precompiled(model, name)[0],
  preTokenizer: wordsAtSpaces,
  template: robertaTemplate,
  ends: ["bos", "eos"],
};

const camembert: Layout = {
  ...xlmRoberta,
  names: { ...fairseqNames, mask: { ...fairseqNames.mask, lstrip: true } },
  pieces: ({ pieces }, { pad, unk, mask }) => ({
    vocab: [
      ["<s>NOTUSED", 0],
      [pad.content, 0],
      ["</s>NOTUSED", 0],
      [unk.content, 0],
      // The file's own unknown piece, which no text should match.
      ["<unk>NOTUSED", -100],
      ...pieces.slice(1),
      [mask.content, 0],
    ],
    unknownId: 3,
  }),
};

const albert: Layout = {
  names: namesOf("[CLS]", "[SEP]", ["<unk>", "<pad>", "[MASK]"]),
  doLowerCase: true,
  pieces: ({ pieces }) => ({ vocab: pieces, unknownId: 1 }),
  normalizer: (model, { keepAccents, doLowerCase }, name) =>
    new SequenceNormalizer([
      new ReplaceNormalizer(literalPattern("``"), '"', false),
      new ReplaceNormalizer(literalPattern("''"), '"', false),
      ...(keepAccents ? [] : [new UnicodeNormalizer("NFKD"), stripAccents()]),
      ...(doLowerCase ? [lowercase()] : []),
      ...precompiled(model, name),
    ]),
  preTokenizer: wordsAtSpaces,
  template: bertTemplate,
  ends: ["cls", "sep"],
};

const debertaV2: Layout = {
  names: namesOf("[CLS]", "[SEP]", ["[UNK]", "[PAD]", "[MASK]"]),
  doLowerCase: false,
  pieces: ({ pieces, unknownId }, { unk }) => {
    const found = pieces.findIndex(([piece, score]) => piece === unk.content && score === 0);
    return { vocab: pieces, unknownId: found < 0 ? unknownId : found };
  },
  // The class leaves the file's character map out.
  normalizer: (_model, { doLowerCase }) =>
    new SequenceNormalizer([
      ...(doLowerCase ? [lowercase()] : []),
      new ReplaceNormalizer(translatePattern("\\s{2,}|[\\n\\r\\t]"), " ", false),
      new UnicodeNormalizer("NFC"),
      new StripNormalizer(false, true),
    ]),
  preTokenizer: ({ splitByPunct, addPrefixSpace }) =>
    new SequencePreTokenizer([
      ...(splitByPunct ? [new PunctuationPreTokenizer("Isolated")] : []),
      metaspace(addPrefixSpace ? "always" : "first"),
    ]),
  template: bertTemplate,
  ends: ["cls", "sep"],
};

/** By the class's name. */
export const layouts: Readonly<Record<string, Layout>> = {
  XLMRobertaTokenizer: xlmRoberta,
  CamembertTokenizer: camembert,
  AlbertTokenizer: albert,
  DebertaV2Tokenizer: debertaV2,
};
