/**
 * Added tokens: strings such as [MASK] that are one token wherever they stand, whatever normalising and splitting would
 * have made of them.
 *
 * Must stay true: of the tokens that begin earliest the longest is taken, as in the Rust tokenizer; time is linear in the
 * text (at most the longest token's length for each character).
 */

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Only where neither neighbour is a letter, digit, mark or connector. */
  readonly singleWord: boolean;
  /** Takes the white space before it too. */
  readonly lstrip: boolean;
  /** Takes the white space after it too. */
  readonly rstrip: boolean;
  /** Looked for in the normalised text, itself normalised; otherwise in the text as it is. */
  readonly normalized: boolean;
}

/** An added token found; the bounds include the white space it takes. */
export interface AddedTokenMatch {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

interface TrieNode {
  /** Absent where nothing follows. */
  children: Map<number, TrieNode> | undefined;
  token: AddedToken | undefined;
}

const WHITE_SPACE = /^\p{White_Space}$/u;
/** What Rust's regular expressions mean by \w. */
const WORD_CHARACTER = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const UTF16_UNITS = 0x10000;

export class AddedTokenMatcher {
  readonly #root: TrieNode = { children: undefined, token: undefined };
  /** By UTF-16 code unit: whether any token begins with it. Most characters of a text are dismissed here. */
  readonly #begins = new Uint8Array(UTF16_UNITS);
  readonly isEmpty: boolean;

  /** Each token with the string to look for, which must not be empty. */
  constructor(patterns: readonly (readonly [pattern: string, token: AddedToken])[]) {
    this.isEmpty = patterns.length === 0;
    for (const [pattern, token] of patterns) {
      this.#begins[pattern.charCodeAt(0)] = 1;
      let node = this.#root;
      for (let at = 0; at < pattern.length; at++) node = childOf(node, pattern.charCodeAt(at));
      node.token = token;
    }
  }

  /** The added tokens of `text`, from left to right. A token that takes white space may reach into its neighbour's. */
  *matches(text: string): Generator<AddedTokenMatch> {
    if (this.isEmpty) return;
    let taken = 0;
    for (let at = 0; at < text.length; ) {
      if (this.#begins[text.charCodeAt(at)] === 0) {
        at++;
        continue;
      }
      const found = this.#longestAt(text, at);
      if (found === undefined) {
        at++;
        continue;
      }
      const { token, end } = found;
      // One that is no word of its own is passed over whole: another that begins inside it is not looked for.
      if (!token.singleWord || isSingleWord(text, at, end)) {
        const start = token.lstrip ? skipSpacesBack(text, at, taken) : at;
        // If the token before took white space beyond this one's end, the rest of that run begins where it stopped.
        taken = token.rstrip ? skipSpaces(text, Math.max(end, taken)) : end;
        yield { id: token.id, start, end: taken };
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

/** All white space is in the basic plane, so a code unit is a character here. */
function skipSpaces(text: string, from: number): number {
  let at = from;
  while (WHITE_SPACE.test(text.charAt(at))) at++;
  return at;
}

function skipSpacesBack(text: string, from: number, floor: number): number {
  let at = from;
  while (at > floor && WHITE_SPACE.test(text.charAt(at - 1))) at--;
  return at;
}
