/**
 * Compares with a literal transcription of the reference script (`run_squad.py`: convert_examples_to_features,
 * write_predictions) that shares no code.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { predict, type QuestionPrediction } from "./predict.ts";
import { referenceScoring } from "./reference-scoring.ts";
import { encodeCharacters, FakeModel, fakeLogits } from "./testing.ts";

interface Pair {
  readonly text: string;
  readonly startLogit: number;
  readonly endLogit: number;
}

function transcribed(question: string, context: string, maxPositions: number, hasNull: boolean) {
  const words = encodeCharacters(context);
  const questionIds = [...encodeCharacters(question).ids].slice(0, 64);
  const capacity = Math.min(384, maxPositions) - questionIds.length - 3;
  const spans: { start: number; length: number }[] = [];
  for (let start = 0; start < words.length; ) {
    const length = Math.min(words.length - start, capacity);
    spans.push({ start, length });
    if (start + length === words.length) break;
    start += Math.min(length, 128);
  }
  const hasMaxContext = (spanIndex: number, position: number) => {
    let best: number | undefined;
    let bestScore: number | undefined;
    spans.forEach(({ start, length }, index) => {
      const last = start + length - 1;
      if (position < start || position > last) return;
      const score = Math.min(position - start, last - position) + 0.01 * length;
      if (bestScore === undefined || score > bestScore) [best, bestScore] = [index, score];
    });
    return best === spanIndex;
  };
  const bestIndexes = (logits: ArrayLike<number>) =>
    Array.from(logits, (logit, index) => ({ logit, index }))
      .sort((a, b) => b.logit - a.logit)
      .slice(0, 20)
      .map(({ index }) => index);
  let none: Pair = { text: "", startLogit: 1_000_000, endLogit: 0 };
  const prelim: Pair[] = [];
  spans.forEach(({ start, length }, spanIndex) => {
    const ids = [2, ...questionIds, 3, ...words.ids.slice(start, start + length), 3];
    const logits = fakeLogits({ inputIds: Int32Array.from(ids) });
    const [atNull, atNullEnd] = [logits.start[0] as number, logits.end[0] as number];
    if (atNull + atNullEnd < none.startLogit + none.endLogit)
      none = { ...none, startLogit: atNull, endLogit: atNullEnd };
    const offset = questionIds.length + 2;
    const isContext = (index: number) => index >= offset && index < offset + length;
    for (const first of bestIndexes(logits.start)) {
      for (const last of bestIndexes(logits.end)) {
        if (!isContext(first) || !isContext(last)) continue;
        if (!hasMaxContext(spanIndex, start + first - offset)) continue;
        if (last < first || last - first + 1 > 30) continue;
        const from = words.starts[start + first - offset];
        const to = words.ends[start + last - offset];
        prelim.push({
          text: context.slice(from, to),
          startLogit: logits.start[first] as number,
          endLogit: logits.end[last] as number,
        });
      }
    }
  });
  if (hasNull) prelim.push(none);
  prelim.sort((a, b) => b.startLogit + b.endLogit - (a.startLogit + a.endLogit));
  const nBest: Pair[] = [];
  for (const pair of prelim) {
    if (nBest.length >= 20) break;
    if (!nBest.some(({ text }) => text === pair.text)) nBest.push(pair);
  }
  if (hasNull && !nBest.some(({ text }) => text === "")) nBest.push(none);
  const best = nBest.find(({ text }) => text !== "");
  const odds = best ? none.startLogit + none.endLogit - best.startLogit - best.endLogit : undefined;
  const exponentials = nBest.map(({ startLogit, endLogit }) => Math.exp(startLogit + endLogit));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return {
    windows: spans.length,
    text: best?.text,
    nullOdds: odds,
    nBest: nBest.map(({ text, startLogit, endLogit }, index) => ({
      text,
      probability: (exponentials[index] as number) / sum,
      start_logit: startLogit,
      end_logit: endLogit,
    })),
  };
}

async function predicted(
  questions: readonly { question: string; context: string }[],
  maxPositions: number,
  hasNull: boolean,
  batch: number,
): Promise<QuestionPrediction[]> {
  const asked = questions.map((question, index) => ({ ...question, id: String(index), answers: [] }));
  const found: QuestionPrediction[] = [];
  const method = referenceScoring(maxPositions, hasNull);
  for await (const ready of predict(new FakeModel(batch), asked, method)) found.push(...ready);
  return found.sort((a, b) => Number(a.id) - Number(b.id));
}

const letters = (maxLength: number) =>
  fc.array(fc.constantFrom(..."abcdefgh  "), { minLength: 1, maxLength }).map((all) => `${all.join("")}z`);

test("equals the reference script, for any batches", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ question: letters(90), context: letters(1200) }), { minLength: 1, maxLength: 4 }),
      fc.constantFrom(80, 200, 512),
      fc.boolean(),
      fc.integer({ min: 1, max: 9 }),
      async (questions, maxPositions, hasNull, batch) => {
        const found = await predicted(questions, maxPositions, hasNull, batch);
        expect(found).toHaveLength(questions.length);
        found.forEach(({ windows, text, nullOdds, nBest, isShortened }, index) => {
          const { question, context } = questions[index] as (typeof questions)[number];
          const expected = transcribed(question, context, maxPositions, hasNull);
          expect(windows).toBe(expected.windows);
          expect(isShortened).toBe(encodeCharacters(question).length > 64);
          if (expected.text === undefined) return;
          expect(text).toBe(expected.text);
          expect(nullOdds).toBeCloseTo(expected.nullOdds ?? Number.NaN, 9);
          expect(nBest.map((entry) => entry.text)).toEqual(expected.nBest.map((entry) => entry.text));
          nBest.forEach((entry, place) => {
            expect(entry.probability).toBeCloseTo(expected.nBest[place]?.probability ?? Number.NaN, 9);
            expect(entry.start_logit).toBe(expected.nBest[place]?.start_logit);
            expect(entry.end_logit).toBe(expected.nBest[place]?.end_logit);
          });
        });
      },
    ),
    { numRuns: 60 },
  );
});

describe("without a valid pair", () => {
  const logitsOf = (length: number, position: number) =>
    Array.from({ length }, (_, index) => (index === position ? 9 : -index));

  test("the prediction is empty, with null odds above every threshold", () => {
    const context = encodeCharacters("x".repeat(300));
    const collector = referenceScoring(512, true).collector(context, 30, 3);
    const inputIds = new Int32Array(333);
    const window = { inputIds, tokenTypeIds: inputIds, contextOffset: 32, contextStart: 0, contextEnd: 300 };
    collector.add(window, { start: logitsOf(333, 0), end: logitsOf(333, 0) });
    expect(collector.result()).toEqual({
      text: "",
      nullOdds: 1_000_000,
      nBest: [{ text: "", probability: 1, start_logit: 9, end_logit: 9 }],
    });
  });

  test("a NaN logit is an engine error", () => {
    const collector = referenceScoring(512, false).collector(encodeCharacters("xy"), 1, 3);
    const inputIds = new Int32Array(6);
    const window = { inputIds, tokenTypeIds: inputIds, contextOffset: 3, contextStart: 0, contextEnd: 2 };
    const start = [0, 0, 0, Number.NaN, 0, 0];
    expect(() => collector.add(window, { start, end: start })).toThrow(/logit of token 3 is NaN/);
  });
});

test("the error for an empty context names the question", async () => {
  await expect(predicted([{ question: "why", context: "  " }], 512, false, 1)).rejects.toThrow(
    /the question "0" has an empty context/,
  );
});
