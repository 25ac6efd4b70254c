import fc from "fast-check";
import { expect, test } from "vitest";
import { Graphemes } from "../text/graphemes.ts";
import { TrimmedEdges } from "./trimmed-edges.ts";

const characters = fc.constantFrom(" ", "\t", "\r", "\n", "\u0085", "\u00a0", "\ufeff", "a", "\u0301", "😀", "\ud83d");

test("in any order of queries, the edges that a scan of the clusters finds", () => {
  const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
  fc.assert(
    fc.property(fc.array(characters), fc.array(fc.tuple(fc.nat(40), fc.boolean())), (parts, queries) => {
      const text = parts.join("");
      const clusters = [...segmenter.segment(text)].map(({ segment, index }) => ({ segment, index }));
      const boundaries = [...clusters.map(({ index }) => index), text.length];
      const edges = new TrimmedEdges(text, new Graphemes(text));
      for (const [number, isAfter] of queries) {
        const place = boundaries[number % boundaries.length] as number;
        if (isAfter) {
          const first = clusters.find(({ segment, index }) => index >= place && !/^[\s\u0085]/.test(segment));
          expect(edges.after(place)).toBe(first?.index ?? text.length);
        } else {
          const last = clusters.findLast(
            ({ segment, index }) => index + segment.length <= place && !/[\s\u0085]$/.test(segment),
          );
          expect(edges.before(place)).toBe(last === undefined ? 0 : last.index + last.segment.length);
        }
      }
    }),
  );
});

// Clusters of several characters are found by segmenting, which costs more than the run.
test.each([
  [" ", 500_000],
  [" \u0301", 500],
  ["\r\n", 2000],
])("as many queries as a run of %j has clusters", (cluster, count) => {
  const text = cluster.repeat(count);
  const edges = new TrimmedEdges(text, new Graphemes(text));
  for (let place = text.length - cluster.length; place > 0; place -= cluster.length) {
    if (edges.after(place) !== text.length) throw new Error(`wrong at ${place}`);
  }
  for (let place = 0; place < text.length; place += cluster.length) {
    const wanted = cluster.endsWith("\u0301") ? place : 0;
    if (edges.before(place) !== wanted) throw new Error(`wrong at ${place}`);
  }
});
