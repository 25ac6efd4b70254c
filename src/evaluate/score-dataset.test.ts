import { expect, test } from "vitest";
import { applyThreshold, bestThresholds, scoreDataset } from "./score-dataset.ts";
import type { SquadDataset } from "./squad.ts";

const question = (id: string, ...answers: readonly string[]) => ({ id, question: "?", context: "…", answers });
const old: SquadDataset = { kind: "1.1", questions: [question("a", "Paris", "in Paris"), question("b", "blue")] };
const recent: SquadDataset = {
  kind: "2.0",
  questions: [question("a", "Paris"), question("b", "blue sky"), question("c"), question("d")],
};

test("1.1: averages over all questions, in percent", () => {
  const predictions = new Map(Object.entries({ a: "Paris", b: "blue sky" }));
  expect(scoreDataset(old, predictions)).toEqual({ exact: 50, f1: (100 * (1 + 2 / 3)) / 2, total: 2, missing: [] });
});

test("2.0: separate figures for questions with and without an answer", () => {
  const predictions = new Map(Object.entries({ a: "Paris", b: "", c: "", d: "red" }));
  expect(scoreDataset(recent, predictions)).toEqual({
    exact: 50,
    f1: 50,
    total: 4,
    hasAnswer: { exact: 50, f1: 50, total: 2 },
    noAnswer: { exact: 50, f1: 50, total: 2 },
    missing: [],
  });
});

test("a missing prediction counts as 0, even for an unanswerable question", () => {
  expect(scoreDataset(recent, new Map([["a", "Paris"]]))).toMatchObject({
    exact: 25,
    total: 4,
    noAnswer: { exact: 0, f1: 0, total: 2 },
    missing: ["b", "c", "d"],
  });
});

test("a subset of 2.0 without unanswerable questions has no figures for them", () => {
  const subset = { ...recent, questions: recent.questions.slice(0, 2) };
  expect(scoreDataset(subset, new Map())).not.toHaveProperty("noAnswer");
});

test("a threshold empties predictions with higher null odds, and the best one is found", () => {
  const predictions = new Map(Object.entries({ a: "Paris", b: "sky", c: "red", d: "green" }));
  const odds = new Map(Object.entries({ a: -3, b: -1, c: -2, d: 2 }));
  expect([...applyThreshold(predictions, odds, -1).values()]).toEqual(["Paris", "sky", "red", ""]);
  expect(bestThresholds(recent, predictions, odds)).toEqual({
    exact: { score: 75, threshold: -3 },
    f1: { score: 75, threshold: -3 },
  });
});
