/**
 * What the library promises to a program that uses it.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AnswerProgress, EngineError, InputError, QuestionAnswerer } from "../src/index.ts";
import { required } from "./support/golden.ts";
import { novel } from "./support/novel.ts";
import { writeSmallModel } from "./support/small-model.ts";

let folder: string;
let answerer: QuestionAnswerer;
let small: QuestionAnswerer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-library-"));
  answerer = await QuestionAnswerer.load();
  small = await QuestionAnswerer.load(await writeSmallModel(join(folder, "small")));
});
afterAll(async () => {
  await Promise.all([answerer.dispose(), small.dispose()]);
  await rm(folder, { recursive: true });
});

const question = "Who wrote the novel?";
const context = "Frankenstein is an 1818 novel written by English author Mary Shelley.";

describe("answers", () => {
  test("are pieces of the text, wherever they stand in it", async () => {
    const questions = [
      { question: "Who wrote the novel?", context: "Mary Shelley wrote the novel in 1816." },
      { question: "Who wrote the novel?", context: "The novel was written by Mary Shelley" },
      { question: "Who is in the picture?", context: "Zoë" },
      { question: "Where does Wolfgang live?", context: "My name is Wolfgang \n\n\tand I 👩‍👩‍👧 live in Łódź…\r\n" },
      { question: "Who wrote it?", context: "\u0000\ud800 It was written by\u200b Mary Shelley. \udc00" },
    ];
    const results = await answerer.answer(questions);
    expect(results.map(({ answers }) => answers[0]?.text)).toEqual([
      "Mary Shelley",
      "Mary Shelley",
      "Zoë",
      "Łódź",
      "Mary Shelley",
    ]);
    results.forEach(({ answers }, index) => {
      const { start, end, text } = required(answers[0]);
      expect(questions[index]?.context.slice(start, end)).toBe(text);
    });
  });

  test("are distinct spans, best first, as many as asked for, and may overlap", async () => {
    const { answers } = await answerer.answer({ question, context }, { topK: 20 });
    expect(answers).toHaveLength(20);
    expect(new Set(answers.map(({ start, end }) => `${start} ${end}`)).size).toBe(20);
    expect(answers.map(({ score }) => score)).toEqual(answers.map(({ score }) => score).sort((a, b) => b - a));
    const overlapping = answers.filter(({ start, end }) => {
      return answers.some((other) => start < other.start && other.start < end);
    });
    expect(overlapping).not.toEqual([]);
  });

  test("keep to the length asked for", async () => {
    const { answers } = await answerer.answer(
      { question, context },
      { topK: 50, maxAnswerLength: 1, alignToWords: false },
    );
    for (const { text } of answers) expect(text).not.toContain(" ");
  });

  test("fill whole words unless told otherwise", async () => {
    const ask = { question: "What is the writer called?", context: "The writer is called Shelleyson." };
    const cutsWord = (at: number) => /^\w\w$/.test(ask.context.slice(Math.max(0, at - 1), at + 1));
    const all = await answerer.answer(ask, { topK: 200 });
    expect(all.answers.filter(({ start, end }) => (start > 0 && cutsWord(start)) || cutsWord(end))).toEqual([]);
    const raw = await answerer.answer(ask, { topK: 200, alignToWords: false });
    expect(raw.answers.some(({ end }) => cutsWord(end))).toBe(true);
  });

  test("are none where the text holds none, if that is asked for", async () => {
    const unrelated = { question: "Who discovered penicillin?", context: "The tram depot stands beside the harbour." };
    for (const scoring of ["probability", "logits"] as const) {
      const allowed = await answerer.answer(unrelated, { handleImpossibleAnswer: true, scoring });
      expect(allowed.answers).toEqual([]);
      expect((await answerer.answer(unrelated, { scoring })).answers).toHaveLength(1);
      const asked = await answerer.answer({ question, context }, { handleImpossibleAnswer: true, scoring });
      expect(asked.answers[0]?.text).toBe("Mary Shelley");
    }
  });

  test("of a question cut as asked say what was read", async () => {
    const long = { question: `${"Please tell me, ".repeat(30)}who wrote the novel?`, context };
    await expect(answerer.answer(long)).rejects.toThrow(/question has \d+ tokens; expected at most 64/);
    const { truncatedQuestion } = await answerer.answer(long, { truncateQuestion: true });
    expect(long.question.startsWith(required(truncatedQuestion))).toBe(true);
    expect(truncatedQuestion).not.toBe(long.question);
    expect(
      (await answerer.answer({ question, context }, { truncateQuestion: true })).truncatedQuestion,
    ).toBeUndefined();
  });

  test("hold the slice promise for any text at all", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 300 }), fc.boolean(), async (text, alignToWords) => {
        const ask = { question, context: `x${text}` };
        const { answers } = await small.answer(ask, { topK: 5, alignToWords });
        expect(answers.length).toBeGreaterThan(0);
        for (const answer of answers) expect(ask.context.slice(answer.start, answer.end)).toBe(answer.text);
      }),
      { numRuns: 150 },
    );
  });
});

describe("long texts", () => {
  test("are answered from any window, also across a window's edge", async () => {
    const filler = await novel(6000);
    for (const at of [0, 900, 1010, 1130, 2500, 6000]) {
      const cut = filler.lastIndexOf(" ", at) + 1;
      const text = `${filler.slice(0, cut)}The lighthouse keeper of Skerryvore is called Angus McPhail. ${filler.slice(cut)}`;
      const result = await answerer.answer({
        question: "What is the lighthouse keeper of Skerryvore called?",
        context: text,
      });
      expect(result.windows).toBeGreaterThan(3);
      expect(result.answers[0]?.text).toBe("Angus McPhail");
    }
  });

  test("give the same answers read in one batch, alone, or among others", async () => {
    const text = await novel(8000);
    const ask = { question: "Who approved the lease?", context: text };
    const alone = await answerer.answer(ask, { topK: 5 });
    const [, among] = await answerer.answer([{ question, context }, ask, { question, context: text }], { topK: 5 });
    const spans = (result: typeof alone) => result.answers.map(({ start, end }) => [start, end]);
    expect(spans(required(among))).toEqual(spans(alone));
    alone.answers.forEach(({ score }, rank) => {
      expect(Math.abs(score - required(among?.answers[rank]).score)).toBeLessThanOrEqual(1e-5);
    });
  });

  test("report progress that only grows and reaches its total", async () => {
    const seen: AnswerProgress[] = [];
    const text = await novel(100_000);
    const result = await small.answer({ question, context: text }, { onProgress: (progress) => seen.push(progress) });
    for (const phase of ["tokenize", "compute"] as const) {
      const steps = seen.filter((progress) => progress.phase === phase);
      expect(steps.length).toBeGreaterThan(1);
      expect(steps.every(({ done }, index) => done >= (steps[index - 1]?.done ?? 0))).toBe(true);
      expect(steps.at(-1)).toMatchObject({ done: steps.at(-1)?.total });
    }
    expect(seen.at(-1)).toEqual({ phase: "compute", done: result.windows, total: result.windows });
  });

  test("can be given up at any moment, and the next question is answered", async () => {
    const text = await novel(2_000_000);
    for (const phase of ["tokenize", "compute"] as const) {
      const controller = new AbortController();
      const reason = new Error(`enough of ${phase}`);
      const onProgress = (progress: AnswerProgress) => {
        if (progress.phase === phase) controller.abort(reason);
      };
      const call = small.answer({ question, context: text }, { signal: controller.signal, onProgress });
      await expect(call).rejects.toBe(reason);
    }
    expect((await small.answer({ question, context })).answers).toHaveLength(1);
  });
});

describe("calls", () => {
  test("that overlap queue, and each gets its own answer", async () => {
    const contexts = ["Ada Lovelace wrote it.", "It was written by Alan Turing.", "Grace Hopper wrote it in 1952."];
    const results = await Promise.all(
      contexts.map((text) => answerer.answer({ question: "Who wrote it?", context: text })),
    );
    expect(results.map(({ answers }) => answers[0]?.text)).toEqual(["Ada Lovelace", "Alan Turing", "Grace Hopper"]);
  });

  test("that fail leave the others alone", async () => {
    const [first, second, third] = await Promise.allSettled([
      answerer.answer({ question, context }),
      answerer.answer({ question, context: "" }),
      answerer.answer({ question, context }),
    ]);
    expect([first?.status, second?.status, third?.status]).toEqual(["fulfilled", "rejected", "fulfilled"]);
  });

  test("with no questions give no results", async () => {
    expect(await answerer.answer([])).toEqual([]);
  });

  test.each([
    [{ topK: 0 }, /topK is 0; expected a whole number of at least 1/],
    [{ topK: 1.5 }, /topK is 1.5/],
    [{ maxAnswerLength: -1 }, /maxAnswerLength is -1/],
    [{ maxSequenceLength: 513 }, /maxSequenceLength is 513; expected at most 512/],
    [{ docStride: -1 }, /docStride is -1/],
    [{ maxSequenceLength: 60, docStride: 60 }, /60/],
    [{ maxSequenceLength: 5 }, /5/],
    [{ scoring: "cosine" }, /scoring is "cosine"; expected probability or logits/],
    [{ noAnswerThreshold: 2 }, /noAnswerThreshold is given, but would not be used/],
    [{ noAnswerThreshold: Number.NaN, scoring: "logits", handleImpossibleAnswer: true }, /noAnswerThreshold is NaN/],
    [{ top_k: 3 }, /there is no option top_k; expected one of topK/],
  ])("with the options %j are refused with the reason", async (options, message) => {
    const call = answerer.answer({ question, context }, options as object);
    await expect(call).rejects.toThrow(message);
    await expect(call).rejects.toBeInstanceOf(InputError);
  });

  test.each([
    [{ question: "", context }, /question is empty/],
    [{ question, context: "" }, /context is empty/],
    [{ question, context: " \n\t\u0000" }, /context is empty/],
    [{ question, context: undefined }, /context is undefined; expected a string/],
    [{ question: 7, context }, /question is 7; expected a string/],
  ])("with %j are refused with the reason", async (input, message) => {
    const call = answerer.answer(input as { question: string; context: string });
    await expect(call).rejects.toThrow(message);
    await expect(call).rejects.toBeInstanceOf(InputError);
  });
});

describe("a model", () => {
  test("that was disposed of says so, and disposing again does nothing", async () => {
    const passing = await QuestionAnswerer.load(join(folder, "small"));
    await passing.dispose();
    await passing.dispose();
    await expect(passing.answer({ question, context })).rejects.toThrow(EngineError);
  });

  test("is disposed of by `await using`, after the calls under way", async () => {
    let call: Promise<unknown>;
    {
      await using passing = await QuestionAnswerer.load(join(folder, "small"));
      call = passing.answer({ question, context });
    }
    await expect(call).resolves.toMatchObject({ windows: 1 });
  });

  test("gives its memory back, however often one is loaded", async () => {
    const loadAndAnswer = async () => {
      await using passing = await QuestionAnswerer.load();
      await passing.answer({ question, context });
    };
    for (let round = 0; round < 3; round++) await loadAndAnswer();
    const settled = process.memoryUsage().rss;
    for (let round = 0; round < 8; round++) await loadAndAnswer();
    // Eight models that were kept would be 400 MB of weights alone.
    expect(process.memoryUsage().rss - settled).toBeLessThan(150e6);
  });

  test.each([
    [{ device: "gpu" }, /device is "gpu"; expected auto, cpu, wasm, webgpu or reference/],
    [{ threads: 0 }, /threads is 0; expected a whole number/],
  ])("with the options %j is not loaded", async (options, message) => {
    await expect(QuestionAnswerer.load(undefined, options as object)).rejects.toThrow(message);
  });

  test("that is being loaded can be given up", async () => {
    const reason = new Error("enough");
    await expect(QuestionAnswerer.load(undefined, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test("answers the same on the reference engine", async () => {
    await using reference = await QuestionAnswerer.load(join(folder, "small"), { device: "reference" });
    const ask = { question, context };
    const [ours, truth] = [await small.answer(ask, { topK: 5 }), await reference.answer(ask, { topK: 5 })];
    expect(ours.answers.map(({ text }) => text)).toEqual(truth.answers.map(({ text }) => text));
    ours.answers.forEach(({ score }, rank) => {
      expect(Math.abs(score - required(truth.answers[rank]).score)).toBeLessThanOrEqual(1e-5);
    });
  });
});
