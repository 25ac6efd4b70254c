/**
 * SQuAD's normalisation of an answer: lower case, without ASCII punctuation, without the articles a, an and the, white space
 * squeezed. Defined by the official scripts; what they leave to Python is written out here.
 *
 * Must stay true: letters, digits and white space are Python's, not JavaScript's: `\b` and `\s` differ on non-ASCII text.
 */

/** Python's `string.punctuation`. */
const punctuation = /[!-/:-@[-`{-~]/g;

/** A whole word, where a word is what Python's `\w` takes: Unicode letters and numbers, and the underscore. */
const articles = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;

/** What Python's `str.split` splits at: Unicode's white space, and the separators U+001C to U+001F. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are meant
const whiteSpace = /[\p{White_Space}\x1c-\x1f]+/u;

/** The words that count. */
export function answerTokens(answer: string): string[] {
  const bare = answer.toLowerCase().replace(punctuation, "").replace(articles, " ");
  return bare.split(whiteSpace).filter((token) => token !== "");
}

export function normalizeAnswer(answer: string): string {
  return answerTokens(answer).join(" ");
}
