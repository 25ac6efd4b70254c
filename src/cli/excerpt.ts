/**
 * The sentence an answer stands in, for a person to judge it by.
 */

export interface Excerpt {
  /** The sentence up to the answer, the answer, and the rest; white space folded, control characters removed. */
  readonly before: string;
  readonly answer: string;
  readonly after: string;
  /** The answer's line in the text, from 1. */
  readonly line: number;
}

/** How far from the answer its sentence is looked for, in UTF-16 code units. */
const reach = 1000;
/** The most shown on either side of an answer. */
const longestSide = 160;

const sentences = new Intl.Segmenter("en", { granularity: "sentence" });

export function excerptAround(text: string, start: number, end: number): Excerpt {
  const from = Math.max(0, start - reach);
  const around = text.slice(from, end + reach);
  const segments = sentences.segment(around);
  const first = segments.containing(start - from);
  const last = segments.containing(end - 1 - from);
  const sentenceStart = from + (first?.index ?? 0);
  const sentenceEnd = from + (last === undefined ? around.length : last.index + last.segment.length);
  return {
    before: shortenStart(printable(text.slice(sentenceStart, start)).trimStart()),
    answer: printable(text.slice(start, end)),
    after: shortenEnd(printable(text.slice(end, sentenceEnd)).trimEnd()),
    line: lineOf(text, start),
  };
}

/** Folds white space, and drops what could command a terminal: control characters and half surrogate pairs. */
export function printable(text: string): string {
  return text.replace(/\s+/gu, " ").replace(/[\p{Cc}\p{Cs}]/gu, "");
}

function shortenStart(text: string): string {
  return text.length <= longestSide ? text : `…${printable(text.slice(-longestSide))}`;
}

function shortenEnd(text: string): string {
  return text.length <= longestSide ? text : `${printable(text.slice(0, longestSide))}…`;
}

function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
