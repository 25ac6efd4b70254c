/**
 * The best spans of which no two overlap: the best of all, then the best that does not overlap it, and so on.
 *
 * Must stay true: the result is that of choosing among every span ever offered, although only some of the best are kept.
 * A chosen span excludes those that overlap it, and their number is bounded. With `length` tokens at most, the
 * spans that overlap a chosen one begin at no more than 2 · length + 1 places: its own tokens, the `length` before them,
 * and one behind, where a grapheme cluster reaches over the last token's edge. From each, spans end at no more than
 * length + 1 places, the cluster that holds the first token included. So the k-th choice is among the best
 * (k − 1) · (2 · length + 1) · (length + 1) + 1 spans.
 */
import type { Span } from "./top-spans.ts";

/** Some 40 MB. 20 answers of 70 tokens need 190,210. */
export const maxKeptSpans = 200_000;

/** How many of the best spans hold the `count` best that do not overlap, for spans of at most `length` tokens. */
export function spansForDisjoint(count: number, length: number): number {
  return (count - 1) * (2 * length + 1) * (length + 1) + 1;
}

/**
 * @param spans best first.
 * @param count how many to choose at most.
 */
export function disjoint(spans: readonly Span[], count: number): Span[] {
  const chosen: Span[] = [];
  for (const span of spans) {
    if (chosen.length === count) break;
    if (chosen.every(({ start, end }) => span.end <= start || end <= span.start)) chosen.push(span);
  }
  return chosen;
}
