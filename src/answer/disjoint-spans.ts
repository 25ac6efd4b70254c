/**
 * Greedy choice of disjoint spans: the best of all, then the best that does not overlap it, and so on.
 *
 * Must stay true: the result equals a choice from all spans ever offered, although only some of the best are kept. A
 * chosen span excludes a bounded number of others: with at most `length` tokens, the spans that overlap it begin at no
 * more than 2 · length + 1 places (its own tokens, the `length` tokens before, and one after, where a grapheme cluster
 * crosses the last token's edge), and from each place end at no more than length + 1 places (including the cluster of
 * the first token). So the k-th choice is among the best (k − 1) · (2 · length + 1) · (length + 1) + 1 spans.
 */
import type { Span } from "./top-spans.ts";

/** Some 40 MB. 20 answers of 70 tokens need 190,210. */
export const maxKeptSpans = 200_000;

/** How many of the best spans include the `count` best disjoint ones, for spans of at most `length` tokens. */
export function spansForDisjoint(count: number, length: number): number {
  return (count - 1) * (2 * length + 1) * (length + 1) + 1;
}

/**
 * @param spans best first.
 * @param count maximum length of the result.
 */
export function disjoint(spans: readonly Span[], count: number): Span[] {
  const chosen: Span[] = [];
  for (const span of spans) {
    if (chosen.length === count) break;
    if (chosen.every(({ start, end }) => span.end <= start || end <= span.start)) chosen.push(span);
  }
  return chosen;
}
