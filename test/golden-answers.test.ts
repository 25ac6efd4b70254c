/**
 * The answers of Hugging Face's v4 semantics to 94 questions, four of them over many windows.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { QuestionAnswerer } from "../src/question-answerer.ts";
import { readGoldenJson, required } from "./support/golden.ts";

interface GoldenAnswer {
  readonly id: string;
  readonly question: string;
  readonly context: string;
  readonly windows: number;
  readonly null_score: number;
  readonly answers: readonly { score: number; text: string; utf16: readonly [number, number] }[];
}

let golden: readonly GoldenAnswer[];
let answerer: QuestionAnswerer;
beforeAll(async () => {
  golden = await readGoldenJson<GoldenAnswer[]>("model/answers.json");
  answerer = await QuestionAnswerer.load();
});
afterAll(() => answerer.dispose());

test("the same spans and offsets, and scores within 1e-5", async () => {
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

/** In a single window the softmax cancels: the logarithm of the ratio of probabilities is the score of `logits`. */
test.each([
  ["the model's threshold, -2", {}, -2],
  ["a threshold of 0", { noAnswerThreshold: 0 }, 0],
] as const)("no answer below %s, where the ratio of the golden scores says so", async (_name, option, threshold) => {
  expect(answerer.noAnswerThreshold).toBe(-2);
  const single = golden.filter(({ windows }) => windows === 1);
  const options = { ...option, scoring: "logits", handleImpossibleAnswer: true } as const;
  const results = await answerer.answer(single, options);
  const unanswered = (isUnanswered: (index: number) => boolean) =>
    single.filter((_, index) => isUnanswered(index)).map(({ id }) => id);
  const expected = unanswered((index) => {
    const { answers, null_score: none } = required(single[index]);
    return Math.log(required(answers[0]).score / none) < threshold;
  });
  expect(expected.length).toBeGreaterThan(10);
  expect(unanswered((index) => results[index]?.answers.length === 0)).toEqual(expected);
});
