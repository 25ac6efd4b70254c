/**
 * Grapheme clusters: user-perceived characters, which may be many code points (a letter with its accents, a
 * flag, a family of emoji, a syllable of Hangul or Devanagari). Unicode's definition (UAX #29), from `Intl.Segmenter`.
 *
 * `Intl.Segmenter` converts its whole text on every query, so only a stretch around the queried position is segmented.
 * A stretch begins at a safe boundary: one between two characters that UAX #29 separates in every context.
 *
 * Must stay true: the boundaries equal those of segmenting the whole text, in any text that has a safe boundary every
 * `maxLookback` code units; time is linear in the number of queries.
 */

/** Made when it is needed, which takes 12 ms: English text has safe boundaries everywhere. */
let segmenter: Intl.Segmenter | undefined;
const graphemeSegmenter = (): Intl.Segmenter => (segmenter ??= new Intl.Segmenter("en", { granularity: "grapheme" }));

/** How far back a safe boundary is searched for, in UTF-16 code units. */
const maxLookback = 2048;
/** How much is segmented beyond the queried position: the next query is likely near. */
const lookahead = 256;

/** Below this code unit no two characters join, except CR and LF. */
const firstJoining = 0x300;
const lineFeed = 0x0a;

/**
 * Categories whose characters no rule of UAX #29 joins, except those in `joinsAll` and Hangul. Marks, ZWJ, emoji and
 * regional indicators are of other categories.
 */
const standsAlone = /^[\p{L}\p{N}\p{P}\p{Z}]$/u;
const joinsAll = /^[\u0d4e\u0e33\u0eb3\uff9e\uff9f]$/;
const hangul = /^\p{Script=Hangul}$/u;

export class Graphemes {
  readonly #text: string;
  /** The boundaries of the last segmented stretch, ascending. */
  #boundaries: readonly number[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  /** The start of the cluster that contains `place`; `place` itself if it is a boundary. */
  startBefore(place: number): number {
    return this.#isSafe(place) ? place : this.#around(place)[0];
  }

  /** The end of the cluster that contains `place`; `place` itself if it is a boundary. */
  endAfter(place: number): number {
    return this.#isSafe(place) ? place : this.#around(place)[1];
  }

  /** Whether UAX #29 separates the two code units around `place` in every context. */
  #isSafe(place: number): boolean {
    const text = this.#text;
    if (place <= 0 || place >= text.length) return true;
    const before = text.charCodeAt(place - 1);
    const after = text.charCodeAt(place);
    if (before < firstJoining && after < firstJoining) return after !== lineFeed;
    const [left, right] = [text.charAt(place - 1), text.charAt(place)];
    return (
      standsAlone.test(left) &&
      standsAlone.test(right) &&
      !joinsAll.test(left) &&
      !joinsAll.test(right) &&
      !(hangul.test(left) && hangul.test(right))
    );
  }

  /** The nearest boundaries: at or before, and at or after `place`. */
  #around(place: number): readonly [before: number, after: number] {
    const known = this.#boundaries;
    if (!((known[0] ?? Number.POSITIVE_INFINITY) <= place && place <= (known.at(-1) ?? -1))) this.#segmentAround(place);
    const index = firstAtLeast(this.#boundaries, place);
    const after = this.#boundaries[index] as number;
    return [after === place ? place : (this.#boundaries[index - 1] as number), after];
  }

  #segmentAround(place: number): void {
    let from = place;
    while (from > Math.max(0, place - maxLookback) && !this.#isSafe(from)) from--;
    for (let reach = lookahead; ; reach *= 2) {
      const to = Math.min(place + reach, this.#text.length);
      const boundaries = [from];
      for (const { index, segment } of graphemeSegmenter().segment(this.#text.slice(from, to))) {
        boundaries.push(from + index + segment.length);
      }
      // The end of the stretch may cut the last cluster.
      if (to < this.#text.length) boundaries.pop();
      if ((boundaries.at(-1) as number) < place) continue;
      this.#boundaries = boundaries;
      return;
    }
  }
}

function firstAtLeast(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
