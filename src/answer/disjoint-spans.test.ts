/** Disjoint answers chosen from the kept spans equal those chosen from all spans. */ import fc from "fast-check";
import { expect, test } from "vitest";
import { builtin } from "../text/testing.ts";
import { makeWindows } from "../text/windows.ts";
import { AnswerCollector } from "./answer-collector.ts";
import { resolveAnswerOptions } from "./options.ts";

/** Words of several tokens, and characters of several code points. */
const words = ["sea", "unfathomable", "Chloe\u0301", "🇩🇪🇫🇷", "a\u0301b\u0301", ",", "❤\ufe0f", "👩\u200d👧", "中"];
const texts = fc.array(fc.constantFrom(...words, "ship", "."), { minLength: 1, maxLength: 40 });

test("equal those chosen from all spans, best first", () => {
  fc.assert(
    fc.property(
      texts,
      fc.constantFrom("", " "),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 9 }),
      fc.infiniteStream(fc.integer({ min: -6, max: 6 })),
      fc.boolean(),
      (parts, glue, maxAnswerLength, topK, logitStream, alignToWords) => {
        const context = builtin.encode(parts.join(glue));
        fc.pre(context.length > 0);
        const question = builtin.encode("who?");
        const common = {
          maxAnswerLength,
          alignToWords,
          maxSequenceLength: 16,
          docStride: 3,
          scoring: "logits",
        } as const;
        const disjoint = new AnswerCollector(context, resolveAnswerOptions({ ...common, topK, overlap: "none" }, 512));
        const all = new AnswerCollector(context, resolveAnswerOptions({ ...common, topK: 100_000 }, 512));
        const windowOptions = resolveAnswerOptions(common, 512);
        for (const window of makeWindows(question, context, builtin.pair, windowOptions)) {
          const length = window.inputIds.length;
          const logits = { start: [...logitStream.take(length)], end: [...logitStream.take(length)] };
          disjoint.add(window, logits);
          all.add(window, logits);
        }
        const chosen: { start: number; end: number }[] = [];
        for (const { start, end } of all.result().answers) {
          if (chosen.length < topK && chosen.every((other) => end <= other.start || other.end <= start)) {
            chosen.push({ start, end });
          }
        }
        expect(disjoint.result().answers.map(({ start, end }) => ({ start, end }))).toEqual(chosen);
      },
    ),
    { numRuns: 1000 },
  );
});
