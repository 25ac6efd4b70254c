/**
 * Cutting a text into pieces that can be tokenised one after the other, so that the memory for normalising is that of a
 * piece and an event loop gets its turns between them.
 *
 * A cut stands before ASCII white space only. There it changes nothing: white space ends a word, is dropped, combines with
 * no neighbour under NFD, and no added token that is looked for in normalised text reaches over it (the tokenizer does
 * not cut at all when one might). A text without white space is one piece.
 */
const PIECE_LENGTH = 1 << 14;

/** The end of the piece of text[from, to) that begins at `from`: in (from, to]. */
export function endOfPiece(text: string, from: number, to: number): number {
  for (let at = from + PIECE_LENGTH; at < to; at++) {
    if (isSpace(text.charCodeAt(at))) return at;
  }
  return to;
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;
}
