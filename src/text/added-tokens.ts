/**
 * Finds added tokens: strings such as [MASK] that are always one token, exempt from normalisation and splitting.
 *
 * Must stay true: leftmost-longest match, as in the Rust tokenizer; time is linear in the text (at most the longest
 * token's length for each character).
 */
import { RUST_WORD } from "./regex.ts";

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Matches only where neither neighbour is a letter, digit, mark or connector. */
  readonly singleWord: boolean;
  /** Includes the white space before it. */
  readonly lstrip: boolean;
  /** Includes the white space after it. */
  readonly rstrip: boolean;
  /** Its normalised content is matched in the normalised text; otherwise its content in the original text. */
  readonly normalized: boolean;
}

/** The bounds include the white space that `lstrip` and `rstrip` add. */
export interface AddedTokenMatch {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

interface TrieNode {
  children: Map<number, TrieNode> | undefined;
  token: AddedToken | undefined;
}

const WHITE_SPACE = /^\p{White_Space}$/u;
const WORD_CHARACTER = new RegExp(`^${RUST_WORD}$`, "v");
const UTF16_UNITS = 0x10000;

export class AddedTokenMatcher {
  readonly #root: TrieNode = { children: undefined, token: undefined };
  /** By UTF-16 code unit: whether any token begins with it. Rejects most characters without a look-up in the trie. */
  readonly #isFirstUnit = new Uint8Array(UTF16_UNITS);
  readonly isEmpty: boolean;

  /** Patterns must not be empty. */
  constructor(patterns: readonly (readonly [pattern: string, token: AddedToken])[]) {
    this.isEmpty = patterns.length === 0;
    for (const [pattern, token] of patterns) {
      this.#isFirstUnit[pattern.charCodeAt(0)] = 1;
      let node = this.#root;
      for (let at = 0; at < pattern.length; at++) node = childOf(node, pattern.charCodeAt(at));
      node.token = token;
    }
  }

  /** The added tokens of `text`, from left to right. Bounds of neighbours may overlap in white space. */
  *matches(text: string): Generator<AddedTokenMatch> {
    if (this.isEmpty) return;
    let consumed = 0;
    for (let at = 0; at < text.length; ) {
      if (this.#isFirstUnit[text.charCodeAt(at)] === 0) {
        at++;
        continue;
      }
      const found = this.#longestAt(text, at);
      if (found === undefined) {
        at++;
        continue;
      }
      const { token, end } = found;
      // A token rejected by `singleWord` is skipped as a whole: no other may begin inside it.
      if (!token.singleWord || isSingleWord(text, at, end)) {
        // The previous token may have consumed white space beyond this one's start, or even its end.
        const start = token.lstrip ? Math.max(consumed, skipSpacesBack(text, at, consumed)) : at;
        const stop = token.rstrip ? skipSpaces(text, Math.max(end, consumed)) : end;
        if (start < stop) {
          yield { id: token.id, start, end: stop };
          consumed = stop;
        }
      }
      at = end;
    }
  }

  #longestAt(text: string, start: number): { token: AddedToken; end: number } | undefined {
    let longest: { token: AddedToken; end: number } | undefined;
    let node: TrieNode | undefined = this.#root;
    for (let at = start; at < text.length; ) {
      node = node.children?.get(text.charCodeAt(at));
      if (node === undefined) break;
      at++;
      if (node.token !== undefined) longest = { token: node.token, end: at };
    }
    return longest;
  }
}

function childOf(node: TrieNode, unit: number): TrieNode {
  node.children ??= new Map();
  let child = node.children.get(unit);
  if (child === undefined) {
    child = { children: undefined, token: undefined };
    node.children.set(unit, child);
  }
  return child;
}

function isSingleWord(text: string, start: number, end: number): boolean {
  return !WORD_CHARACTER.test(characterBefore(text, start)) && !WORD_CHARACTER.test(characterAt(text, end));
}

function characterAt(text: string, at: number): string {
  const codePoint = text.codePointAt(at);
  return codePoint === undefined ? "" : String.fromCodePoint(codePoint);
}

function characterBefore(text: string, at: number): string {
  const pair = at >= 2 ? characterAt(text, at - 2) : "";
  return pair.length === 2 ? pair : text.charAt(at - 1);
}

/** All white space is in the basic multilingual plane, so one code unit is one character. */
function skipSpaces(text: string, from: number): number {
  let at = from;
  while (WHITE_SPACE.test(text.charAt(at))) at++;
  return at;
}

function skipSpacesBack(text: string, from: number, min: number): number {
  let at = from;
  while (at > min && WHITE_SPACE.test(text.charAt(at - 1))) at--;
  return at;
}
