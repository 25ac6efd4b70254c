/**
 * The contestants' inputs: a sentence, a paragraph, a text of 50 windows, and 200 questions of SQuAD.
 */
import { readFile } from "node:fs/promises";
import type { LongText, Question } from "./contestant.ts";

export interface Texts {
  /** For the first answer. */
  readonly sentence: Question;
  /** A paragraph of ordinary length: one window. */
  readonly paragraph: Question;
  readonly long: { readonly question: string; readonly text: LongText };
  readonly mixed: readonly Question[];
}

/** Number of fusebert's windows: 384 tokens with the question, 128 of them shared by neighbours. */
const longWindows = 50;

/** UTF-16 code units (some 4.4 per token) that a window adds, and that neighbours share. */
const step = 1097;
const shared = 560;

const sentence = {
  question: "Who wrote it?",
  context: "Frankenstein is an 1818 novel written by English author Mary Shelley.",
};

export async function readTexts(): Promise<Texts> {
  const path = new URL("../../test/fixtures/squad/sample-200.json", import.meta.url);
  const { questions } = JSON.parse(await readFile(path, "utf8")) as { questions: readonly Question[] };
  const mixed = questions.map(({ question, context }) => ({ question, context }));
  const byLength = mixed.toSorted((a, b) => a.context.length - b.context.length);
  const context = [...new Set(mixed.map((question) => question.context))]
    .join("\n\n")
    .slice(0, longWindows * step + shared);
  const pieces = Array.from({ length: longWindows }, (_, index) => {
    return context.slice(index * step, (index + 1) * step + shared);
  });
  return {
    sentence,
    paragraph: byLength[byLength.length >> 1] as Question,
    long: { question: "Which building was designed by an architect from Vienna?", text: { context, pieces } },
    mixed,
  };
}
