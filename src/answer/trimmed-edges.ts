/**
 * Moves the edges of an answer inwards, past white space, by whole grapheme clusters: a cluster that begins with white
 * space (a space with a mark on it) cannot begin an answer.
 *
 * Must stay true: queries near each other cost little, also in a long run of white space: the run found last is skipped.
 */
import type { Graphemes } from "../text/graphemes.ts";

/** Unicode's White_Space, and what JavaScript's `trim` removes besides. */
const whiteSpace = /^[\s\u0085]$/;

interface Run {
  readonly start: number;
  readonly end: number;
}

const none: Run = { start: 0, end: 0 };

export class TrimmedEdges {
  readonly #text: string;
  readonly #graphemes: Graphemes;
  /** The clusters skipped last, by each method. */
  #leading = none;
  #trailing = none;

  constructor(text: string, graphemes: Graphemes) {
    this.#text = text;
    this.#graphemes = graphemes;
  }

  /** The first boundary at or after `place`, itself a boundary, that no white space follows. */
  after(place: number): number {
    let at = place;
    while (at < this.#text.length) {
      if (at >= this.#leading.start && at < this.#leading.end) at = this.#leading.end;
      else if (this.#isSpace(at)) at = this.#graphemes.endAfter(at + 1);
      else break;
    }
    if (at !== place) this.#leading = { start: place, end: at };
    return at;
  }

  /** The last boundary at or before `place`, itself a boundary, that no white space precedes. */
  before(place: number): number {
    let at = place;
    while (at > 0) {
      if (at > this.#trailing.start && at <= this.#trailing.end) at = this.#trailing.start;
      else if (this.#isSpace(at - 1)) at = this.#graphemes.startBefore(at - 1);
      else break;
    }
    if (at !== place) this.#trailing = { start: at, end: place };
    return at;
  }

  #isSpace(index: number): boolean {
    const code = this.#text.charCodeAt(index);
    // Most characters are above the space and below the next white space, U+0085.
    return (code <= 0x20 || code >= 0x85) && whiteSpace.test(this.#text.charAt(index));
  }
}
