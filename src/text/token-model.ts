/**
 * What splits a word into tokens: the last step of a tokenizer, after normalisation and pre-tokenisation.
 *
 * Must stay true: no text throws, and the tokens are in the order of the text.
 */

/**
 * A word's tokens: id, start and end of each, one after the other. Bounds are UTF-16 code units from the word's start.
 * Several tokens may cover the same characters (the bytes of one character); the tokens cover the whole word.
 */
export type Pieces = readonly number[];

export interface TokenModel {
  /** The tokens of the word text[start, end). */
  tokenize(text: string, start: number, end: number): Pieces;
}
