import fc from "fast-check";
import { expect, test } from "vitest";
import { bertBase } from "../../../architectures/bert/bert-base.ts";
import { levels } from "../../../schedule/levels.ts";
import { explainLevel } from "../explain/explain.ts";
import { type Lifetime, planMemory, roundUp } from "./plan-memory.ts";

const bert = { ...bertBase, layers: 3 };

const lifetimes = fc.array(
  fc
    .record({ bytes: fc.integer({ min: 1, max: 5000 }), first: fc.nat(40), length: fc.nat(12) })
    .map(({ bytes, first, length }): Lifetime => ({ bytes, first, last: first + length })),
  { maxLength: 40 },
);

const alignments = fc.constantFrom(1, 16, 256);

/** The largest sum of what lives at once. */
function lowerBound(lives: readonly Lifetime[]): number {
  const at = (time: number): number =>
    lives.filter(({ first, last }) => first <= time && time <= last).reduce((sum, { bytes }) => sum + bytes, 0);
  return Math.max(0, ...lives.map(({ first }) => at(first)));
}

test("tensors that live at the same time do not overlap", () => {
  fc.assert(
    fc.property(lifetimes, alignments, (lives, alignment) => {
      const { offsets, bytes } = planMemory(lives, alignment);
      expect(offsets).toHaveLength(lives.length);
      lives.forEach((a, i) => {
        const start = offsets[i] as number;
        expect(start % alignment).toBe(0);
        expect(start).toBeGreaterThanOrEqual(0);
        expect(start + a.bytes).toBeLessThanOrEqual(bytes);
        lives.slice(0, i).forEach((b, j) => {
          const other = offsets[j] as number;
          const together = a.first <= b.last && b.first <= a.last;
          const overlap = start < other + b.bytes && other < start + a.bytes;
          expect(together && overlap).toBe(false);
        });
      });
      expect(bytes).toBeGreaterThanOrEqual(lowerBound(lives));
    }),
  );
});

test.each(levels)("BERT's tensors take at most a tenth more than what lives at once, at %s", (level) => {
  const { kernels, tensors, memory } = explainLevel(bert, level, "f16", 384);
  const lives = tensors.map(({ bytes }, tensor): Lifetime => {
    const used = kernels.flatMap(({ index, reads, writes }) => ([...reads, ...writes].includes(tensor) ? [index] : []));
    return { bytes, first: Math.min(...used), last: Math.max(...used) };
  });
  expect(memory.arenaBytes).toBeLessThanOrEqual(1.1 * lowerBound(lives));
});

test("tensors with disjoint lifetimes take the memory of the largest", () => {
  const lives = [300, 1000, 20, 700].map((bytes, index): Lifetime => ({ bytes, first: index, last: index }));
  expect(planMemory(lives, 256)).toEqual({ offsets: [0, 0, 0, 0], bytes: 1000 });
  expect(planMemory([], 256)).toEqual({ offsets: [], bytes: 0 });
  expect(roundUp(257, 256)).toBe(512);
});
