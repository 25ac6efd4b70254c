/**
 * SQuAD's answer normalisation, as in the official scripts: lower case, no ASCII punctuation, no articles (a, an, the),
 * single spaces.
 *
 * Must stay true: letters, digits and white space are Python's; JavaScript's `\b` and `\s` differ on non-ASCII text.
 */

/** Python's `string.punctuation`. */
const punctuation = /[!-/:-@[-`{-~]/g;

/** Whole words in the sense of Python's `\w`: Unicode letters and numbers, and the underscore. */
const articles = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;

/** Separators of Python's `str.split`: Unicode white space, and U+001C to U+001F. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are meant
const whiteSpace = /[\p{White_Space}\x1c-\x1f]+/u;

/** The words of the normalised answer. */
export function answerTokens(answer: string): string[] {
  const bare = answer.toLowerCase().replace(punctuation, "").replace(articles, " ");
  return bare.split(whiteSpace).filter((token) => token !== "");
}

export function normalizeAnswer(answer: string): string {
  return answerTokens(answer).join(" ");
}
