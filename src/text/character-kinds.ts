/**
 * What a character is to GPT-2's pattern: a letter, a number, white space, or something else. Found when first asked
 * for, and remembered.
 *
 * Must stay true: these are Oniguruma's classes, which are those of Unicode 16.
 */
import { codePointsOf } from "./characters.ts";
import { NEW_IN_17 } from "./unicode-tables.ts";

export const LETTER = 1;
export const NUMBER = 2;
export const SPACE = 3;
export const OTHER = 4;

const CODE_POINTS = 0x110000;

/** By code point; 0 is not known yet. */
let kinds: Uint8Array | undefined;

function makeKinds(): Uint8Array {
  const made = new Uint8Array(CODE_POINTS);
  for (const codePoint of codePointsOf(NEW_IN_17)) made[codePoint] = OTHER;
  return made;
}

/** The kind of the character at `at`. */
export function kindAt(text: string, at: number): number {
  kinds ??= makeKinds();
  const unit = text.charCodeAt(at);
  const codePoint = unit >= 0xd800 && unit < 0xdc00 ? (text.codePointAt(at) as number) : unit;
  const known = kinds[codePoint] as number;
  if (known !== 0) return known;
  const kind = kindOf(String.fromCodePoint(codePoint));
  kinds[codePoint] = kind;
  return kind;
}

function kindOf(character: string): number {
  if (/\p{L}/u.test(character)) return LETTER;
  if (/\p{N}/u.test(character)) return NUMBER;
  return /\p{White_Space}/u.test(character) ? SPACE : OTHER;
}
