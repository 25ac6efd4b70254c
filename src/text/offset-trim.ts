/**
 * Trims the spaces that byte-level tokens begin or end with off their offsets, as the post-processors RobertaProcessing
 * and ByteLevel do if `trim_offsets` is set.
 *
 * Must stay true: offsets equal Rust's, also where that is odd. With `addPrefixSpace` one leading space is kept at the
 * start of a text, whether it was added or not, and taken off a token after an added token, even if it was added.
 */
import { SPACE_CHARACTER } from "./byte-characters.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface OffsetTrim {
  readonly addPrefixSpace: boolean;
}

/** How many spaces a token begins and ends with. */
interface Spaces {
  readonly leading: number;
  readonly trailing: number;
}

const LEADING = new RegExp(`^[${SPACE_CHARACTER}\\p{White_Space}]+`, "u");
const TRAILING = new RegExp(`[${SPACE_CHARACTER}\\p{White_Space}]$`, "u");

export class OffsetTrimmer {
  readonly #trims: readonly OffsetTrim[];
  readonly #vocabulary: Vocabulary;
  /** Of the tokens seen so far, by id; null if one has none. */
  readonly #spaces = new Map<number, Spaces | null>();

  constructor(trims: readonly OffsetTrim[], vocabulary: Vocabulary) {
    this.#trims = trims;
    this.#vocabulary = vocabulary;
  }

  get isNeeded(): boolean {
    return this.#trims.length > 0;
  }

  /** The bounds of a token of the model. @param index its place among the tokens of the text. */
  trim(text: string, id: number, index: number, start: number, end: number): readonly [start: number, end: number] {
    const spaces = this.#spacesOf(id);
    return spaces === null ? [start, end] : this.#trim(text, spaces, index, start, end);
  }

  /** The same of an added token, from the text that it matched. */
  trimMatch(
    text: string,
    match: string,
    index: number,
    start: number,
    end: number,
  ): readonly [start: number, end: number] {
    const spaces = this.isNeeded ? spacesOf(match) : null;
    return spaces === null ? [start, end] : this.#trim(text, spaces, index, start, end);
  }

  #spacesOf(id: number): Spaces | null {
    let spaces = this.#spaces.get(id);
    if (spaces === undefined) {
      spaces = spacesOf(this.#vocabulary.tokenOf(id) ?? "");
      this.#spaces.set(id, spaces);
    }
    return spaces;
  }

  #trim(
    text: string,
    { leading, trailing }: Spaces,
    index: number,
    tokenStart: number,
    tokenEnd: number,
  ): readonly [start: number, end: number] {
    let [start, end] = [tokenStart, tokenEnd];
    for (const { addPrefixSpace } of this.#trims) {
      const isAtStart = index === 0 || start === 0;
      if (!(isAtStart && addPrefixSpace && leading === 1)) {
        for (let count = 0; count < leading && start < end; count++) start += isPair(text, start) ? 2 : 1;
      }
      for (let count = 0; count < trailing && end > start; count++) end -= isPair(text, end - 2) ? 2 : 1;
    }
    return [start, end];
  }
}

function spacesOf(token: string): Spaces | null {
  const leading = LEADING.exec(token)?.[0].length ?? 0;
  let trailing = 0;
  for (let at = token.length; at > 0 && TRAILING.test(token.charAt(at - 1)); at--) trailing++;
  return leading === 0 && trailing === 0 ? null : { leading, trailing };
}

function isPair(text: string, at: number): boolean {
  return at >= 0 && (text.codePointAt(at) as number) > 0xffff;
}
