import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { normalizeAnswer } from "./normalize-answer.ts";
import { scoreAnswer } from "./score-answer.ts";

interface PythonCase {
  readonly gold: string;
  readonly predicted: string;
  readonly normalized: string;
  readonly "f1_v1.1": number;
  readonly "f1_v2.0": number;
  readonly exact: number;
}

test("normalises and scores as the official definition in Python", async () => {
  const file = new URL("../../test/fixtures/squad/python-scores.json", import.meta.url);
  const cases = JSON.parse(await readFile(file, "utf8")) as readonly PythonCase[];
  expect(cases.length).toBeGreaterThan(100);
  for (const { gold, predicted, normalized, exact, ...f1 } of cases) {
    expect(normalizeAnswer(gold), gold).toBe(normalized);
    for (const kind of ["1.1", "2.0"] as const) {
      const score = scoreAnswer(predicted, [gold], kind);
      expect(score.exact, predicted).toBe(exact);
      expect(score.f1, predicted).toBeCloseTo(f1[`f1_v${kind}`], 12);
    }
  }
});

describe("normalisation", () => {
  test.each([
    ["The  Quick, brown fox!", "quick brown fox"],
    ["a.an.the", "aanthe"],
    ["An apple and a pear", "apple and pear"],
    ["theatre Ananas a1", "theatre ananas a1"],
    ["$1.5–2 million", "15–2 million"],
    ["l'été à a ÉTÉ", "lété à été"],
    ["the\u00a0cat\u3000sat\u0085on\u001fit", "cat sat on it"],
    ["“quoted”", "“quoted”"],
    ["???", ""],
  ])("of %j", (answer, expected) => {
    expect(normalizeAnswer(answer)).toBe(expected);
  });
});

describe("the best over all answers", () => {
  test("is any of them", () => {
    expect(scoreAnswer("in Paris", ["city of Paris", "Paris", "London"], "1.1").f1).toBeCloseTo(2 / 3, 12);
    expect(scoreAnswer("in Paris", ["London", "In Paris!"], "1.1")).toEqual({ exact: 1, f1: 1 });
  });

  test("counts a repeated word as often as both have it", () => {
    expect(scoreAnswer("no no no", ["no no yes"], "1.1").f1).toBeCloseTo(2 / 3, 12);
  });
});

describe("a text that normalises to nothing", () => {
  test("has an exact match but no F1 in 1.1", () => {
    expect(scoreAnswer("the", ["."], "1.1")).toEqual({ exact: 1, f1: 0 });
    expect(scoreAnswer("", ["Paris"], "1.1")).toEqual({ exact: 0, f1: 0 });
  });

  test("means no answer in 2.0", () => {
    expect(scoreAnswer("", [], "2.0")).toEqual({ exact: 1, f1: 1 });
    expect(scoreAnswer("the", [], "2.0")).toEqual({ exact: 1, f1: 1 });
    expect(scoreAnswer("Paris", [], "2.0")).toEqual({ exact: 0, f1: 0 });
    expect(scoreAnswer("", ["Paris"], "2.0")).toEqual({ exact: 0, f1: 0 });
  });

  test("is ignored among the gold answers of 2.0", () => {
    expect(scoreAnswer("", ["the", "Paris"], "2.0")).toEqual({ exact: 0, f1: 0 });
    expect(scoreAnswer("", ["the", "!"], "2.0")).toEqual({ exact: 1, f1: 1 });
  });
});
