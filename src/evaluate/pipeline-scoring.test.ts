import { expect, test } from "vitest";
import { pipelineScoring } from "./pipeline-scoring.ts";
import { predict, type QuestionPrediction } from "./predict.ts";
import { FakeModel } from "./testing.ts";

const context = "abc def ghi ".repeat(60);
const questions = ["who", "what"].map((question, index) => ({ id: String(index), question, context, answers: [] }));

async function predictions(hasNull: boolean): Promise<QuestionPrediction[]> {
  const found: QuestionPrediction[] = [];
  for await (const ready of predict(new FakeModel(), questions, pipelineScoring(512, hasNull))) found.push(...ready);
  return found;
}

test("predicts the pipeline's best answer, with probabilities as scores", async () => {
  for (const { text, nBest, nullOdds, windows } of await predictions(false)) {
    expect(windows).toBe(2);
    expect(nBest).toHaveLength(20);
    expect(nBest[0]?.text).toBe(text);
    expect(nBest[0]).not.toHaveProperty("start_logit");
    expect(nullOdds).toBeGreaterThan(-1);
  }
});

test("sorts the null answer into the n-best list", async () => {
  for (const { text, nBest, nullOdds } of await predictions(true)) {
    const probabilities = nBest.map(({ probability }) => probability);
    expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a));
    const empty = nBest.find((entry) => entry.text === "");
    const best = nBest.find((entry) => entry.text === text);
    expect((empty?.probability ?? Number.NaN) - (best?.probability ?? Number.NaN)).toBeCloseTo(nullOdds, 12);
  }
});
