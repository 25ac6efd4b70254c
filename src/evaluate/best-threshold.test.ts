import fc from "fast-check";
import { expect, test } from "vitest";
import { findBestThreshold, type Outcome } from "./best-threshold.ts";

/** The definition: questions with null odds above the threshold stay unanswered. */
function scoreAt(threshold: number, outcomes: readonly Outcome[]): number {
  const points = outcomes.map(({ nullOdds, score, hasAnswer, isAnswered }) => {
    const answers = isAnswered && nullOdds <= threshold;
    if (hasAnswer) return answers ? score : 0;
    return answers ? 0 : 1;
  });
  return (100 * points.reduce((sum, point) => sum + point, 0)) / outcomes.length;
}

const outcomes = fc
  .array(fc.record({ score: fc.constantFrom(0, 0.25, 0.5, 1), hasAnswer: fc.boolean(), isAnswered: fc.boolean() }), {
    minLength: 1,
    maxLength: 30,
  })
  .chain((facts) =>
    fc
      .uniqueArray(fc.integer({ min: -50, max: 50 }), { minLength: facts.length, maxLength: facts.length })
      .map((odds) =>
        facts.map((fact, index) => ({
          ...fact,
          nullOdds: odds[index] as number,
          score: fact.isAnswered && fact.hasAnswer ? fact.score : 0,
        })),
      ),
  );

test("no threshold is better, and the result has the stated score", () => {
  fc.assert(
    fc.property(outcomes, (questions) => {
      const best = findBestThreshold(questions, questions.length);
      const none = scoreAt(Number.NEGATIVE_INFINITY, questions);
      const all = questions.map(({ nullOdds }) => scoreAt(nullOdds, questions));
      expect(best.score).toBeCloseTo(Math.max(none, ...all), 9);
      expect(scoreAt(best.threshold, questions)).toBeCloseTo(best.score, 9);
    }),
  );
});

test("a question without a prediction counts in the total", () => {
  const answered = { nullOdds: -1, score: 1, hasAnswer: true, isAnswered: true };
  expect(findBestThreshold([answered], 4)).toEqual({ score: 25, threshold: -1 });
});

test("if no answer is best, the threshold is 0 or below all odds", () => {
  const wrong = { score: 0, hasAnswer: true, isAnswered: true };
  expect(findBestThreshold([{ ...wrong, nullOdds: 0.5 }], 1).threshold).toBe(0);
  expect(findBestThreshold([{ ...wrong, nullOdds: -2 }], 1).threshold).toBe(-3);
});
