/**
 * Texts that tokenizers get wrong: all scripts, marks, emoji sequences, ligatures, controls, white space, and strings
 * that resemble added tokens, mixed with ordinary sentences.
 *
 * Must stay true: equal arguments give equal texts, and every text is well-formed unless lone surrogates are asked for.
 */
import { seededUniform } from "../../src/tensor/random.ts";

export interface AwkwardOptions {
  /** Some texts then hold half a surrogate pair, which Hugging Face's tokenizers read as U+FFFD. */
  readonly loneSurrogates?: boolean;
}

const sentences = [
  "Mary Shelley wrote Frankenstein in 1818, aged twenty.",
  "It's 3,000.50 km away; isn't it? We'll see -- they've said so.",
  "\"Don't,\" he said, 'or I'd…' ``quoted''",
  "Straße, naïve café, Ångström, İstanbul, ǅ, ŉ, ﬁne ﬀ ﬃ ﬅ",
  "¿Dónde está la biblioteca? ¡Aquí!",
  "Где находится Эйфелева башня?",
  "Η Αθήνα είναι η πρωτεύουσα της Ελλάδας.",
  "東京は日本の首都です。ｶﾞｷﾞｸﾞ ﾊﾟﾋﾟ カナ",
  "서울은 대한민국의 수도이다. 한국어",
  "北京是中华人民共和国的首都。𠮷野家",
  "القاهرة هي عاصمة مصر. ﷺ ﷽ لا",
  "ירושלים היא עיר הבירה. שָׁלוֹם",
  "दिल्ली भारत की राजधानी है। क्षत्रिय हिन्दी",
  "กรุงเทพฯ เป็นเมืองหลวง ทำ น้ำ",
  "Việt Nam có thủ đô là Hà Nội.",
  "தமிழ் நாடு கொ ಕನ್ನಡ తెలుగు മലയാളം വാൻ",
  "ລາວ ຳ ខ្មែរ မြန်မာ བོད་ཡིག ქართული Հայերեն አማርኛ ᏣᎳᎩ ᠮᠣᠩᠭᠣᠯ",
  "e = mc² ≈ 9×10¹⁶ J, ½ + ¼ = ¾, ∑ⁿ₌₁ ℝ ℵ ⅷ ㎏ ㏂ ™ ℠ ① ⑳ Ⅻ",
  "http://example.org/a?b=c&d=%20#e user@example.com C:\\temp\\x.txt",
  "def f(x):\n\treturn x ** 2\r\n",
];

/** Short strings whose neighbours matter. Each row is equally likely. */
// biome-ignore format: a table
const fragments: readonly (readonly string[])[] = [
  // White space of all kinds, and what resembles it.
  [" ", "  ", "   ", "\t", "\n", "\r\n", "\r", "\v", "\f", "\u0085", "\u00a0", "\u1680", "\u2000", "\u2003", "\u2009"],
  ["\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\u180e", "\u200b", "\u2060", "\ufeff", "\u2581", "\u2581\u2581"],
  // Controls, formats, zero width, not characters, private use.
  ["\0", "\x01", "\x1b", "\x1c", "\x1f", "\x7f", "\u0080", "\u009f", "\u00ad", "\u200c", "\u200d", "\u200e", "\u202e"],
  ["\u061c", "\u0600", "\u06dd", "\u070f", "\u2066", "\ufff9", "\ufffc", "\ufffd", "\uffff", "\ufdd0", "\ue000"],
  ["\u{10ffff}", "\u{f0000}", "\u{e0001}", "\u{1d173}", "\u{110bd}", "\u{378}", "\u{323af}"],
  // Letters with marks, composed and not; marks alone; orders of marks that normalisation changes.
  ["é", "e\u0301", "E\u0301", "ế", "e\u0302\u0301", "e\u0301\u0302", "a\u0323\u0307", "a\u0307\u0323", "\u0301", "o\u0338"],
  ["\u0344", "\u0345", "\u0308\u0301", "i\u0307", "İ", "ı", "K", "Å", "Ω", "ſ", "ẛ\u0323", "\u1e9e", "ß", "σ", "ς", "Σ"],
  ["\u0300\u0301\u0302\u0303", "\u20dd", "\u20e3", "\u034f", "\u0489", "\u1dc0", "\u302a", "\u3099", "\u309a", "\ufe20"],
  // Ligatures, full and half width, compatibility forms.
  ["ﬁ", "ﬂ", "ﬀ", "ﬃ", "ﬆ", "ǆ", "ĳ", "ŀ", "ŉ", "ﷺ", "ﷻ", "ﻼ", "ﬓ", "㍿", "㌔", "㈱", "㋿", "㎢", "ﾞ", "ｶﾞ", "ﾊﾟ"],
  ["Ａ", "ｚ", "１", "！", "～", "＿", "｟", "￡", "￥", "｡", "ﾡ", "𝐀", "𝒷", "𝟗", "𝔄", "Ⅳ", "ⅸ", "⑩", "⒈", "🄰", "🈚", "㍘"],
  ["…", "‥", "—", "–", "‐", "‑", "−", "“", "”", "‘", "’", "‚", "«", "»", "‹", "´", "`", "``", "''", "¨", "¯", "¸", "·"],
  // Emoji and their sequences.
  ["😀", "❤", "❤\ufe0f", "❤\ufe0e", "👍🏽", "🏽", "👩\u200d👧", "👨\u200d👩\u200d👧\u200d👦", "🏳\ufe0f\u200d🌈", "👩🏽\u200d🚀"],
  ["🇩🇪", "🇩", "🇩🇪🇫", "1\ufe0f\u20e3", "#\u20e3", "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", "©\ufe0f", "🫠"],
  // Clusters of other scripts: Hangul jamo, Indic conjuncts, Thai and Lao, prepended letters, Tibetan.
  ["\u1100", "\u1161", "\u11a8", "\u1100\u1161", "\u1100\u1161\u11a8", "가", "각", "가\u11a8", "\ua960", "\ud7b0", "\uffa1"],
  ["क", "\u094d", "क\u094dष", "क\u094d\u200dष", "\u093f", "\u0958", "ক\u09cd", "\u09cb", "\u0bca", "\u0d4e", "\u0d15", "\u0dde"],
  ["ก", "\u0e33", "ก\u0e33", "\u0e48", "\u0eb3", "\u0f71\u0f72", "\u0f81", "\u0f00", "\u1025\u102e", "\u{11347}\u{1133e}"],
  // Ideographs, also beyond the basic plane and of compatibility blocks; scripts written with surrogate pairs.
  ["中", "文", "豈", "\u{2f800}", "𠮷", "𪛖", "々", "〆", "ゝ", "ヿ", "ゟ", "が", "か\u3099", "パ", "ー", "𐌰", "𐐀", "𐐨", "𞤀", "𒀀", "𝄞"],
  ["\u{1d15e}", "\u{1d1bb}", "𓀀", "𖼀", "🂡", "⠿", "ꙮ", "ᚠ", "Ꭰ", "ꭰ", "ᲀ", "Ა", "Ⳁ", "ꜩ", "ʰ", "ᵃ", "ⁿ", "ₓ", "ͅ", "¼", "٣", "߃"],
  // Added tokens and what resembles them.
  ["<s>", "</s>", "<pad>", "<unk>", "<mask>", "[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]", "<0x41>", "<|endoftext|>"],
  [" <mask> ", "<mask>.", "[mask]", "<MASK>", "<s", "s>", "</", "<<s>>", "[[CLS]]", "[ CLS ]", "<mask\u0301>", "##ing", "Ġ"],
  // Punctuation, digits, short words.
  ["!", "?", ".", ",", ";", ":", "'", '"', "-", "_", "(", ")", "[", "]", "{", "}", "/", "\\", "|", "@", "#", "$", "%", "^"],
  ["0", "7", "42", "1,000", "3.14", "1st", "2,", "3,", "a", "I", "A", "the", "The", "THE", "ing", "un", "s", "t", "ll", "re"],
  ["don't", "they'll", "I'm", "you've", "he'd", "we're", "it's", "IT'S", "o'clock", "'s", "'S", "hello", "World", "xyzzy"],
];
const loneSurrogates = ["\ud800", "\udbff", "\udc00", "\udfff", "\udc00\ud800"];

/** Blocks from which single code points are drawn: assigned and unassigned ones of every plane that has any. */
const ranges: readonly (readonly [first: number, last: number])[] = [
  [0x0, 0x7f],
  [0x80, 0x24f],
  [0x250, 0x5ff],
  [0x600, 0xfff],
  [0x1000, 0x1fff],
  [0x2000, 0x2bff],
  [0x2c00, 0x33ff],
  [0x3400, 0xd7ff],
  [0xe000, 0xffff],
  [0x10000, 0x13fff],
  [0x16000, 0x1ffff],
  [0x20000, 0x323af],
  [0xe0000, 0xe01ef],
  [0xf0000, 0x10ffff],
];

/** `count` texts of up to some 300 UTF-16 code units; the first is empty. */
export function awkwardTexts(count: number, seed: number, options: AwkwardOptions = {}): string[] {
  const random = seededUniform(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const choose = <T>(values: readonly T[], fallback: T): T => values[below(values.length)] ?? fallback;
  const codePoint = () => {
    const [first, last] = choose(ranges, [0x20, 0x7e]);
    return String.fromCodePoint(first + below(last - first + 1));
  };
  const partOfSentence = () => {
    const characters = [...choose(sentences, "")];
    const start = below(characters.length);
    return characters.slice(start, start + 1 + below(30)).join("");
  };
  const part = () => {
    const kind = random();
    if (kind < 0.6) return choose(choose(fragments, []), "");
    if (kind < 0.7) return codePoint();
    if (kind < 0.72) return (random() < 0.5 ? codePoint() : choose(choose(fragments, []), "")).repeat(1 + below(12));
    if (kind < 0.74 && options.loneSurrogates === true) return choose(loneSurrogates, "");
    if (kind < 0.85) return " ";
    return partOfSentence();
  };
  const text = () => {
    const kind = random();
    if (kind < 0.08) return choose(sentences, "");
    if (kind < 0.16) return `${part()}${choose(sentences, "")}${part()}`;
    return Array.from({ length: 1 + below(random() < 0.5 ? 4 : 24) }, part).join("");
  };
  return Array.from({ length: count }, (_, index) => (index === 0 ? "" : text()));
}
