/**
 * Where a grapheme cluster ends, by the rules of UAX #29 for extended clusters, as the Rust crate unicode-segmentation
 * applies them. For normalising as it does; `graphemes.ts` is for users' eyes, with the engine's newest Unicode.
 *
 * The rule that makes a flag of two regional indicators is left out: each is a cluster here. So a cluster of more than
 * five bytes in UTF-8 may be shorter than the crate's, but never has five bytes or fewer where the crate's has more.
 *
 * Must stay true: time is linear in the cluster's length; a boundary depends on no character before the cluster.
 */
import { codePointsOf } from "./characters.ts";
import * as tables from "./grapheme-tables.ts";

const OTHER = 0;
const CR = 1;
const LF = 2;
const CONTROL = 3;
const EXTEND = 4;
const LINKER = 5;
/** U+200C: extends a cluster, but ends a conjunct. */
const NON_JOINER = 6;
const JOINER = 7;
const SPACING_MARK = 8;
const PREPEND = 9;
const CONSONANT = 10;
const PICTOGRAPHIC = 11;
const HANGUL_L = 12;
const HANGUL_V = 13;
const HANGUL_T = 14;
const HANGUL_LV = 15;
const HANGUL_LVT = 16;

const CODE_POINTS = 0x110000;
const FIRST_SYLLABLE = 0xac00;
const LAST_SYLLABLE = 0xd7a3;
/** Syllables that begin with the same consonant and vowel: one without a trailing consonant, and one with each. */
const TRAILING = 28;

/** By code point. */
let classes: Uint8Array | undefined;

function makeClasses(): Uint8Array {
  const made = new Uint8Array(CODE_POINTS);
  const mark = (ranges: string, value: number) => {
    for (const codePoint of codePointsOf(ranges)) made[codePoint] = value;
  };
  mark(tables.CONTROL, CONTROL);
  mark("d", CR);
  mark("a", LF);
  mark(tables.EXTEND, EXTEND);
  mark(tables.LINKER, LINKER);
  mark("200c", NON_JOINER);
  mark("200d", JOINER);
  mark(tables.SPACING_MARK, SPACING_MARK);
  mark(tables.PREPEND, PREPEND);
  mark(tables.CONSONANT, CONSONANT);
  mark(tables.PICTOGRAPHIC, PICTOGRAPHIC);
  mark(tables.HANGUL_L, HANGUL_L);
  mark(tables.HANGUL_V, HANGUL_V);
  mark(tables.HANGUL_T, HANGUL_T);
  for (let syllable = FIRST_SYLLABLE; syllable <= LAST_SYLLABLE; syllable++) {
    made[syllable] = (syllable - FIRST_SYLLABLE) % TRAILING === 0 ? HANGUL_LV : HANGUL_LVT;
  }
  return made;
}

/** The end of the cluster that begins at `start`, which is before the text's end. */
export function clusterEnd(text: string, start: number): number {
  classes ??= makeClasses();
  const first = text.codePointAt(start) as number;
  const next = start + (first > 0xffff ? 2 : 1);
  if (next === text.length) return next;
  // By far the most common case.
  if (classes[first] === OTHER && classes[text.codePointAt(next) as number] === OTHER) return next;
  const context = { isConjunct: false, isLinked: false, isEmoji: false, isJoinedEmoji: false };
  let before = OTHER;
  for (let at = start; ; ) {
    if (at === text.length) return at;
    const codePoint = text.codePointAt(at) as number;
    const after = classes[codePoint] as number;
    if (at > start && !joins(before, after, context)) return at;
    advance(context, after);
    before = after;
    at += codePoint > 0xffff ? 2 : 1;
  }
}

/** What a cluster ends with so far. */
interface Context {
  /** A consonant, and nothing but extending characters after it. */
  isConjunct: boolean;
  /** The same, with a linker among them. */
  isLinked: boolean;
  /** An emoji, and nothing but extending characters after it. */
  isEmoji: boolean;
  /** The same, and one U+200D at the end. */
  isJoinedEmoji: boolean;
}

function advance(context: Context, next: number): void {
  const isExtending = next === EXTEND || next === LINKER || next === JOINER;
  context.isConjunct = next === CONSONANT || (context.isConjunct && isExtending);
  context.isLinked = context.isConjunct && next !== CONSONANT && (context.isLinked || next === LINKER);
  context.isJoinedEmoji = context.isEmoji && next === JOINER;
  context.isEmoji =
    next === PICTOGRAPHIC || (context.isEmoji && (next === EXTEND || next === LINKER || next === NON_JOINER));
}

/** Whether there is no boundary between two characters of these classes. */
function joins(before: number, after: number, { isLinked, isJoinedEmoji }: Context): boolean {
  if (isControl(before) || isControl(after)) return before === CR && after === LF;
  switch (after) {
    case EXTEND:
    case LINKER:
    case NON_JOINER:
    case JOINER:
    case SPACING_MARK:
      return true;
    case CONSONANT:
      return before === PREPEND || isLinked;
    case PICTOGRAPHIC:
      return before === PREPEND || isJoinedEmoji;
    case HANGUL_L:
    case HANGUL_LV:
    case HANGUL_LVT:
      return before === PREPEND || before === HANGUL_L;
    case HANGUL_V:
      return before === PREPEND || before === HANGUL_L || before === HANGUL_LV || before === HANGUL_V;
    case HANGUL_T:
      return before === PREPEND || (before >= HANGUL_V && before <= HANGUL_LVT);
    default:
      return before === PREPEND;
  }
}

function isControl(value: number): boolean {
  return value === CONTROL || value === CR || value === LF;
}
