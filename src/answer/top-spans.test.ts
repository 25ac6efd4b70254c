import fc from "fast-check";
import { expect, test } from "vitest";
import { compareSpans, type Span, TopSpans } from "./top-spans.ts";

/** Few positions and few scores, so that equal spans and ties are common. */
const spans = fc.array(
  fc.record({
    start: fc.integer({ min: 0, max: 30 }),
    length: fc.integer({ min: 1, max: 4 }),
    score: fc.integer({ min: 0, max: 20 }),
  }),
  { maxLength: 600 },
);

/** The definition: every distinct span with its best score, sorted. */
function sortedAll(offers: readonly Span[], count: number): Span[] {
  const best = new Map<string, Span>();
  for (const span of offers) {
    const key = `${span.start} ${span.end}`;
    if ((best.get(key)?.score ?? -1) < span.score) best.set(key, span);
  }
  return [...best.values()].sort(compareSpans).slice(0, count);
}

test("equals sorting all spans, in any order of offers", () => {
  fc.assert(
    fc.property(spans, fc.integer({ min: 1, max: 5 }), (raw, count) => {
      const offers = raw.map(({ start, length, score }) => ({ start, end: start + length, score }));
      const top = new TopSpans(count);
      for (const span of offers) if (span.score >= top.minScore) top.offer(span);
      expect(top.toArray()).toEqual(sortedAll(offers, count));
    }),
    { numRuns: 500 },
  );
});

test("is empty without offers", () => {
  expect(new TopSpans(3).toArray()).toEqual([]);
});
