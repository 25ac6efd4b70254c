/**
 * Cuts a text into pieces that are tokenised one after the other, which bounds the normaliser's memory and lets the
 * event loop run in between.
 *
 * Cuts are only made before ASCII white space, where they change nothing: white space ends a word, is dropped, does not
 * combine under NFD, and no added token of the normalised text spans it (if one might, the tokenizer does not cut). A
 * text without white space is one piece.
 */
const PIECE_LENGTH = 1 << 14;

/** The end, in (from, to], of the first piece of text[from, to). */
export function endOfPiece(text: string, from: number, to: number): number {
  for (let at = from + PIECE_LENGTH; at < to; at++) {
    if (isSpace(text.charCodeAt(at))) return at;
  }
  return to;
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;
}
