/**
 * The answers of Hugging Face's v4 semantics to 94 questions, four of them over many windows.
 */
import { expect, test } from "vitest";
import { QuestionAnswerer } from "../src/question-answerer.ts";
import { readGoldenJson } from "./support/golden.ts";

interface GoldenAnswer {
  readonly id: string;
  readonly question: string;
  readonly context: string;
  readonly windows: number;
  readonly null_score: number;
  readonly answers: readonly { score: number; text: string; utf16: readonly [number, number] }[];
}

test("the same spans and offsets, and scores within 1e-5", async () => {
  const golden = await readGoldenJson<GoldenAnswer[]>("model/answers.json");
  await using answerer = await QuestionAnswerer.load();
  const results = await answerer.answer(golden, { topK: 3 });
  expect(results).toHaveLength(94);
  results.forEach((result, index) => {
    const expected = golden[index] as GoldenAnswer;
    expect(result.windows, expected.id).toBe(expected.windows);
    expect(Math.abs(result.noAnswerScore - expected.null_score), expected.id).toBeLessThanOrEqual(1e-5);
    const spans = result.answers.map(({ start, end, text }) => ({ start, end, text }));
    expect(spans, expected.id).toEqual(expected.answers.map(({ utf16: [start, end], text }) => ({ start, end, text })));
    result.answers.forEach(({ score, start, end, text }, rank) => {
      expect(Math.abs(score - (expected.answers[rank]?.score ?? Number.NaN)), expected.id).toBeLessThanOrEqual(1e-5);
      expect(expected.context.slice(start, end)).toBe(text);
    });
  });
});
