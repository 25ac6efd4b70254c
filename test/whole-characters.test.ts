/**
 * An answer never begins or ends inside what a reader takes for one character, whatever the tokenizer makes of it.
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AnswerOptions, QuestionAnswerer } from "../src/index.ts";

let answerer: QuestionAnswerer;
beforeAll(async () => {
  answerer = await QuestionAnswerer.load();
});
afterAll(() => answerer.dispose());

async function bestOf(question: string, context: string, options?: AnswerOptions): Promise<string | undefined> {
  const { answers } = await answerer.answer({ question, context }, options);
  const [best] = answers;
  expect(context.slice(best?.start, best?.end)).toBe(best?.text);
  return best?.text;
}

describe("an answer is whole", () => {
  test.each([
    ["a letter with an accent", "Who painted it?", "It was painted by Chloe\u0301 in 1902.", "Chloe\u0301"],
    ["a letter with two", "Where was he born?", "He was born in Hue\u0302\u0301.", "Hue\u0302\u0301"],
    ["a variation selector", "Which symbol means love?", "Love is written with the symbol ❤\ufe0f.", "❤\ufe0f"],
    ["a Thai tone mark", "Where is the temple?", "The temple is in เชียงใหม่.", "เชียงใหม่"],
    ["a family", "Who is it?", "It is 👩\u200d👩\u200d👧.", "👩\u200d👩\u200d👧"],
    ["a skin tone", "Who is it?", "It is 👋🏽.", "👋🏽"],
    ["a flag", "Where was Kim born?", "Kim was born in 🇩🇪 in 1990.", "🇩🇪"],
    [
      "jamo",
      "Where does Kim live?",
      "Kim lives in \u1109\u1165\u110b\u116e\u11af with her sister.",
      "\u1109\u1165\u110b\u116e\u11af",
    ],
    ["a conjunct", "Where does Asha live?", "Asha lives in दिल्ली.", "दिल्ली"],
  ])("with %s", async (_, question, context, expected) => {
    expect(await bestOf(question, context)).toBe(expected);
    expect(await bestOf(question, context, { alignToWords: false })).toBe(expected);
  });
});

const pieces = [
  ..."ae .,é中", "\u0301", "\u0302", "\u200d", "\ufe0f", "\u20e3", "❤", "👩", "👧", "🏽", "🇩", "🇪", "\u1112", "\u1161", "\u11ab",
  "\u0e40", "\u0e48", "\u0915", "\u094d", "\u0937", "\r\n", "\u0600", "\ud800",
]; // biome-ignore format: a table

test("no answer to any text has an edge inside a cluster", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...pieces), { maxLength: 60 }),
      fc.boolean(),
      async (parts, alignToWords) => {
        const context = `x ${parts.join("")}`;
        const clusters = Array.from(new Intl.Segmenter("en").segment(context), ({ index }) => index);
        const edges = new Set([...clusters, context.length]);
        const { answers } = await answerer.answer({ question: "Who?", context }, { topK: 50, alignToWords });
        for (const { start, end } of answers) expect([edges.has(start), edges.has(end)]).toEqual([true, true]);
      },
    ),
    { numRuns: 60 },
  );
});
