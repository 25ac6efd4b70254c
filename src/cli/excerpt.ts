/**
 * The sentence around an answer, by which a user can judge it.
 */
import { withoutControls, withoutMiddle } from "../format/displayable.ts";
import { Graphemes } from "../text/graphemes.ts";

export interface Excerpt {
  /** The sentence up to the answer, the answer, and the rest; white space folded, control characters removed. */
  readonly before: string;
  readonly answer: string;
  readonly after: string;
  /** The answer's line in the text, from 1. */
  readonly line: number;
}

/** How far from the answer its sentence is searched, in UTF-16 code units. */
const reach = 1000;
/** Maximum shown on either side of an answer. */
const longestSide = 160;
/** Maximum shown of an answer itself. */
const longestAnswer = 400;

const sentences = new Intl.Segmenter("en", { granularity: "sentence" });

export function excerptAround(text: string, start: number, end: number): Excerpt {
  const [sentenceStart] = sentenceAt(text, start);
  const [, sentenceEnd] = sentenceAt(text, end - 1);
  return {
    before: shortenStart(printable(text.slice(sentenceStart, start)).trimStart()),
    answer: shownAnswer(text.slice(start, end)),
    after: shortenEnd(printable(text.slice(end, sentenceEnd)).trimEnd()),
    line: lineOf(text, start),
  };
}

/** The sentence around an offset, searched within `reach`. */
function sentenceAt(text: string, at: number): readonly [start: number, end: number] {
  const from = Math.max(0, at - reach);
  const around = text.slice(from, at + reach);
  const { index, segment } = sentences.segment(around).containing(at - from) ?? { index: 0, segment: around };
  return [from + index, from + index + segment.length];
}

/** An answer as it is shown: without its middle if it is very long. */
export function shownAnswer(text: string): string {
  // Cut first, so that a very long text is not scanned as a whole.
  return withoutMiddle(printable(withoutMiddle(text, 4 * longestAnswer)), longestAnswer);
}

/** Folds white space and drops control characters. For prose; names are shown by `displayable`. */
function printable(text: string): string {
  return withoutControls(text.replace(/\s+/gu, " "));
}

function shortenStart(text: string): string {
  if (text.length <= longestSide) return text;
  return `…${text.slice(new Graphemes(text).endAfter(text.length - longestSide))}`;
}

function shortenEnd(text: string): string {
  if (text.length <= longestSide) return text;
  return `${text.slice(0, new Graphemes(text).startBefore(longestSide))}…`;
}

function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
