/**
 * Random tokenizer.json files: every component that is read, with every setting, over small vocabularies made of the
 * texts to tokenise, so that tokens are found and not found.
 *
 * Must stay true: equal seeds give equal files, and Hugging Face's tokenizers accept every one.
 */
import { seededUniform } from "../../src/tensor/random.ts";
import { BYTE_CHARACTERS } from "../../src/text/byte-characters.ts";

interface Random {
  readonly chance: (probability: number) => boolean;
  readonly below: (limit: number) => number;
  readonly choose: <T>(values: readonly [T, ...T[]]) => T;
}

function randomOf(seed: number): Random {
  const uniform = seededUniform(seed);
  const below = (limit: number) => Math.floor(uniform() * limit);
  return {
    below,
    chance: (probability) => uniform() < probability,
    choose: (values) => values[below(values.length)] ?? values[0],
  };
}

const SPECIALS = ["<unk>", "<s>", "</s>", "<mask>"] as const;
const BEHAVIOURS = ["Removed", "Isolated", "Contiguous", "MergedWithPrevious", "MergedWithNext"] as const;

/** The content of a tokenizer.json. @param texts whose characters and words the vocabulary has. */
export function randomTokenizer(seed: number, texts: readonly string[]): object {
  const random = randomOf(seed);
  const { chance } = random;
  const isByteLevel = chance(0.3);
  const corpus = corpusOf(texts, isByteLevel);
  const model = randomModel(random, corpus, isByteLevel);
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: randomAdded(random, corpus, model),
    normalizer: chance(0.2) ? null : randomNormalizer(random),
    pre_tokenizer: isByteLevel ? randomByteLevel(random) : chance(0.05) ? null : randomPreTokenizer(random),
    post_processor: randomProcessor(random, model.trims),
    decoder: null,
    model: model.json,
  };
}

/** The words as various normalizers and pre-tokenizers leave them. */
function corpusOf(texts: readonly string[], isByteLevel: boolean): string[] {
  const words = texts.flatMap((text) => text.replace(/\p{Cs}/gu, "\ufffd").match(/\s?\S+/gu) ?? []);
  const forms = [
    (word: string) => word.trim(),
    (word: string) => word.toLowerCase(),
    (word: string) => word.normalize("NFKD").replace(/\p{M}/gu, "").trim(),
    (word: string) => word.replace(/\s/g, "▁"),
  ];
  const toBytes = (word: string) => Array.from(Buffer.from(word), (byte) => BYTE_CHARACTERS[byte]).join("");
  return words.map((word, index) => (isByteLevel ? toBytes(word) : (forms[index % forms.length]?.(word) ?? word)));
}

interface RandomModel {
  readonly json: object;
  /** One more than the highest id. */
  readonly size: number;
  readonly ids: ReadonlyMap<string, number>;
  /** Whether offsets may be trimmed: theirs trims Unigram's unknown tokens by what they stand for, not by their name. */
  readonly trims: boolean;
}

function randomModel(random: Random, corpus: readonly string[], isByteLevel: boolean): RandomModel {
  return random.choose([randomBpe, randomBpe, randomUnigram, randomWordPiece])(random, corpus, isByteLevel);
}

function withIds(tokens: Iterable<string>): ReadonlyMap<string, number> {
  return new Map([...new Set([...SPECIALS, ...tokens])].map((token, id) => [token, id]));
}

const byteTokens = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);

function randomWordPiece({ below, choose, chance }: Random, corpus: readonly string[]): RandomModel {
  const prefix = choose(["##", "##", "@", ""]);
  const tokens = corpus.flatMap((word) => {
    const characters = [...word];
    const start = below(characters.length);
    const piece = characters.slice(start, start + 1 + below(4)).join("");
    return [characters[0] ?? "x", chance(0.5) ? piece : prefix + piece, prefix + (characters.at(-1) ?? "x")];
  });
  const ids = withIds(tokens);
  const json = {
    type: "WordPiece",
    unk_token: "<unk>",
    continuing_subword_prefix: prefix,
    max_input_chars_per_word: choose([100, 12]),
    vocab: Object.fromEntries(ids),
  };
  return { json, size: ids.size, ids, trims: true };
}

function randomUnigram({ below, chance }: Random, corpus: readonly string[]): RandomModel {
  const tokens = corpus.flatMap((word) => {
    const characters = [...word];
    const start = below(characters.length);
    return [characters[start] ?? "x", characters.slice(start, start + 1 + below(5)).join("") || "▁"];
  });
  const byteFallback = chance(0.4);
  const ids = withIds(byteFallback ? [...tokens, ...(chance(0.8) ? byteTokens : byteTokens.slice(0, 200))] : tokens);
  const vocab = [...ids].map(([token, id]) => [token, id < SPECIALS.length ? 0 : -1 - below(20_000) / 1_000]);
  return {
    json: { type: "Unigram", unk_id: 0, vocab, byte_fallback: byteFallback },
    size: ids.size,
    ids,
    trims: false,
  };
}

const MERGES = 120;

function randomBpe(random: Random, corpus: readonly string[], isByteLevel: boolean): RandomModel {
  const { chance, choose, below } = random;
  const prefix = chance(0.2) ? "##" : "";
  const suffix = chance(0.2) ? "</w>" : "";
  // Without an unknown token, characters that are no tokens would be skipped, and theirs loses count of the places.
  const isComplete = isByteLevel && prefix === "" && suffix === "" && chance(0.5);
  let words = corpus.map((word) => {
    const characters = [...word];
    return characters.map((character, at) => {
      return (at > 0 ? prefix : "") + character + (at === characters.length - 1 ? suffix : "");
    });
  });
  const alphabet = isComplete ? BYTE_CHARACTERS : words.flat().filter(() => chance(0.9));
  const known = new Set(alphabet);
  const merges: [string, string][] = [];
  const made: string[] = [];
  for (let count = 0; count < MERGES; count++) {
    const word = words[below(words.length)] ?? [];
    const at = below(word.length - 1);
    const [left = "", right = ""] = word.slice(at, at + 2);
    if (!known.has(left) || !known.has(right) || left.includes(" ") || right.includes(" ")) continue;
    merges.push([left, right]);
    const result = left + right.slice(prefix.length);
    known.add(result);
    made.push(result);
    words = words.map((symbols) => merged(symbols, left, right, result));
  }
  // With an affix, its bytes would be tokens, which theirs places outside of the text.
  const byteFallback = prefix === "" && suffix === "" && chance(0.3);
  const ids = withIds([...alphabet, ...made, ...(byteFallback ? byteTokens : [])]);
  const json = {
    type: "BPE",
    dropout: null,
    unk_token: isComplete ? null : "<unk>",
    continuing_subword_prefix: prefix === "" ? choose([null, ""]) : prefix,
    end_of_word_suffix: suffix === "" ? choose([null, ""]) : suffix,
    fuse_unk: chance(0.5),
    byte_fallback: byteFallback,
    ignore_merges: chance(0.2),
    vocab: Object.fromEntries(ids),
    merges: chance(0.5) ? merges : merges.map((merge) => merge.join(" ")),
  };
  return { json, size: ids.size, ids, trims: true };
}

function merged(symbols: readonly string[], left: string, right: string, result: string): string[] {
  const output: string[] = [];
  for (let at = 0; at < symbols.length; at++) {
    const isPair = symbols[at] === left && symbols[at + 1] === right;
    output.push(isPair ? result : (symbols[at] ?? ""));
    if (isPair) at++;
  }
  return output;
}

function randomAdded({ chance, below }: Random, corpus: readonly string[], model: RandomModel): object[] {
  const { ids } = model;
  const words = [corpus[below(corpus.length)]?.trim() || "the", "<mask>", "[CLS]", "é", "e", "the", "<x> y", " ", "中"];
  const contents = new Set([...SPECIALS, ...words.filter(() => chance(0.3))]);
  let next = model.size;
  return [...contents].map((content) => {
    const isSpecial = chance(0.7);
    return {
      id: ids.get(content) ?? next++,
      content,
      single_word: chance(0.15),
      // Theirs fails if the token before it has taken its white space.
      lstrip: content.trim() === content && chance(0.2),
      rstrip: chance(0.15),
      // What a normalizer makes empty, theirs does not survive.
      normalized: /[b-df-z]/i.test(content) && chance(0.4),
      special: isSpecial,
    };
  });
}

function randomNormalizer(random: Random): object {
  const { chance, choose, below } = random;
  const bert = () => ({
    type: "BertNormalizer",
    clean_text: chance(0.7),
    handle_chinese_chars: chance(0.7),
    strip_accents: choose([null, true, false]),
    lowercase: chance(0.5),
  });
  const simple = () => ({
    type: choose(["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt"]),
  });
  const strip = () => ({ type: "Strip", strip_left: chance(0.6), strip_right: chance(0.6) });
  const replace = () => ({ type: "Replace", ...choose(REPLACEMENTS) });
  const prepend = () => ({ type: "Prepend", prepend: choose(["▁", "x", " "]) });
  const byteLevel = () => ({ type: "ByteLevel" });
  const one = () => choose([bert, simple, simple, simple, strip, replace, replace, prepend, byteLevel])();
  if (chance(0.4)) return one();
  return { type: "Sequence", normalizers: Array.from({ length: below(4) }, one) };
}

const REPLACEMENTS: readonly [object, ...object[]] = [
  { pattern: { String: "``" }, content: '"' },
  { pattern: { String: " " }, content: "▁" },
  { pattern: { String: "e" }, content: "" },
  { pattern: { String: "the" }, content: "these 😀" },
  { pattern: { Regex: " {2,}" }, content: " " },
  { pattern: { Regex: "\\s+" }, content: " " },
  { pattern: { Regex: "[\\p{L}]" }, content: "l" },
  { pattern: { Regex: "(?<=a)b|\\d" }, content: "#" },
  { pattern: { Regex: "\\p{M}*" }, content: "" },
];

function randomByteLevel(random: Random): object {
  const { chance, choose } = random;
  const byteLevel = (useRegex: boolean) => ({
    type: "ByteLevel",
    add_prefix_space: chance(0.4),
    trim_offsets: chance(0.5),
    use_regex: useRegex,
  });
  if (chance(0.6)) return byteLevel(chance(0.8));
  const split = { type: "Split", pattern: { Regex: GPT_PATTERN }, behavior: "Isolated", invert: false };
  const before = choose<object>([split, { type: "Whitespace" }, { type: "Digits", individual_digits: chance(0.5) }]);
  return { type: "Sequence", pretokenizers: [before, byteLevel(chance(0.4))] };
}

const GPT_PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" +
  "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

function randomPreTokenizer(random: Random): object {
  const { chance, choose, below } = random;
  const simple = () => ({ type: choose(["BertPreTokenizer", "Whitespace", "WhitespaceSplit"]) });
  const metaspace = () => ({
    type: "Metaspace",
    replacement: choose(["▁", "▁", "_"]),
    prepend_scheme: choose(["always", "first", "never"]),
    split: chance(0.8),
  });
  const punctuation = () => ({ type: "Punctuation", behavior: choose(BEHAVIOURS) });
  const digits = () => ({ type: "Digits", individual_digits: chance(0.5) });
  const split = () => ({
    type: "Split",
    pattern: choose([{ String: " " }, { String: "e" }, { Regex: "\\w+|[^\\w\\s]+" }, { Regex: "\\s" }]),
    behavior: choose(BEHAVIOURS),
    invert: chance(0.3),
  });
  const delimiter = () => ({ type: "CharDelimiterSplit", delimiter: choose([" ", "a", "中"]) });
  const one = () => choose([simple, simple, metaspace, metaspace, punctuation, digits, split, delimiter])();
  if (chance(0.5)) return one();
  return { type: "Sequence", pretokenizers: Array.from({ length: 1 + below(3) }, one) };
}

function randomProcessor({ chance, choose }: Random, trims: boolean): object {
  const trimming = () => ({ trim_offsets: trims && chance(0.7), add_prefix_space: chance(0.5) });
  const byteLevel = () => ({ type: "ByteLevel", ...trimming(), use_regex: true });
  const separators = { sep: ["</s>", 2], cls: ["<s>", 1] };
  const token = (id: string, type: number) => ({ SpecialToken: { id, type_id: type } });
  const sequence = (id: string, type: number) => ({ Sequence: { id, type_id: type } });
  const template = () => ({
    type: "TemplateProcessing",
    single: [token("<s>", 0), sequence("A", 0), token("</s>", 0)],
    pair: [
      token("<s>", choose([0, 1])),
      sequence("A", choose([0, 1])),
      ...Array.from({ length: choose([0, 1, 2]) }, () => token("</s>", choose([0, 1]))),
      sequence("B", choose([0, 1])),
      ...Array.from({ length: choose([0, 1]) }, () => token("</s>", choose([0, 1]))),
    ],
    special_tokens: {
      "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] },
      "</s>": { id: "</s>", ids: [2], tokens: ["</s>"] },
    },
  });
  const bert = () => ({ type: "BertProcessing", ...separators });
  const roberta = () => ({ type: "RobertaProcessing", ...separators, ...trimming() });
  const adding = () => choose([template, template, bert, roberta])();
  if (chance(0.6)) return adding();
  return { type: "Sequence", processors: chance(0.5) ? [byteLevel(), adding()] : [adding(), byteLevel()] };
}
