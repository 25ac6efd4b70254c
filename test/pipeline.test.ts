/** `fusebert/pipeline`: what a program written for transformers.js gets. */
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from "vitest";
import {
  type ProgressInfo,
  pipeline,
  type QuestionAnsweringOutput,
  type QuestionAnsweringPipeline,
} from "../src/pipeline.ts";
import { QuestionAnswerer } from "../src/question-answerer.ts";
import { serve } from "./support/browser-app.ts";
import { builtInFolder } from "./support/golden.ts";

const question = "Who wrote the novel?";
const context = "🎉 Frankenstein is an 1818 novel written by English author Mary Shelley.";

let answerer: QuestionAnsweringPipeline;

beforeAll(async () => {
  answerer = await pipeline("question-answering");
});
afterAll(() => answerer?.dispose());

describe("the pipeline gives", () => {
  test("one object for one question, with the place of the answer", async () => {
    const output = await answerer(question, context);
    expectTypeOf(output).toEqualTypeOf<QuestionAnsweringOutput>();
    expect(Object.keys(output).sort()).toEqual(["answer", "end", "score", "start"]);
    expect(output.answer).toBe("Mary Shelley");
    expect(context.slice(output.start, output.end)).toBe("Mary Shelley");
    await using own = await QuestionAnswerer.load();
    const { answers } = await own.answer({ question, context });
    expect(output.score).toBeCloseTo(answers[0]?.score ?? 0, 5);
  });

  test("a list with top_k above 1", async () => {
    const outputs = await answerer(question, context, { top_k: 3 });
    expectTypeOf(outputs).toEqualTypeOf<QuestionAnsweringOutput[]>();
    expect(outputs).toHaveLength(3);
    expect(outputs[0]?.score).toBeGreaterThan(outputs[1]?.score ?? 1);
  });

  test("a list for lists, of objects or of lists", async () => {
    const questions = [question, "When was it written?"];
    const contexts = [context, "It was written in 1818."];
    const outputs = await answerer(questions, contexts);
    expectTypeOf(outputs).toEqualTypeOf<QuestionAnsweringOutput[]>();
    expect(outputs.map(({ answer }) => answer)).toEqual(["Mary Shelley", "1818"]);
    const best = await answerer(questions, contexts, { top_k: 2 });
    expectTypeOf(best).toEqualTypeOf<QuestionAnsweringOutput[][]>();
    expect(best.map(({ length }) => length)).toEqual([2, 2]);
    expect(await answerer([], [])).toEqual([]);
  });

  test("no answer where a text has none, and that is asked for", async () => {
    const nothing = { handleImpossibleAnswer: true, scoring: "logits", noAnswerThreshold: 1000 } as const;
    expect(await answerer(question, context, nothing)).toEqual({ answer: "", score: 0, start: 0, end: 0 });
  });
});

describe("an error names what is wrong, and what is expected:", () => {
  test.each([
    [
      "a task",
      () => pipeline("fill-mask" as "question-answering"),
      /task is "fill-mask"; expected "question-answering"/,
    ],
    ["a quantised dtype", () => pipeline("question-answering", null, { dtype: "q8" as "fp32" }), /dtype is "q8"/],
    ["fp16 on a CPU", () => pipeline("question-answering", null, { dtype: "fp16" }), /fp16.*device webgpu/],
    ["a device", () => pipeline("question-answering", null, { device: "cuda" as "cpu" }), /device is "cuda"/],
    ["an option", () => pipeline("question-answering", null, { cache_dir: "x" } as object), /cache_dir/],
    ["a callback", () => pipeline("question-answering", null, { progress_callback: 1 as never }), /progress_callback/],
    ["lists of two lengths", () => answerer([question], [context, context]), /a list of 1.*a list of 2/],
    ["a list and a string", () => answerer([question], context as never), /a list of 1.*string/],
    ["an option of a call", () => answerer(question, context, { topK: 2 } as object), /topK/],
    ["a number of answers", () => answerer(question, context, { top_k: 0 }), /0/],
  ])("%s", async (_, run, message) => {
    await expect(run()).rejects.toThrow(message);
  });
});

test("progress is told as transformers.js tells it", async () => {
  await using server = await serve({ folders: { "/model/": builtInFolder } });
  const told: ProgressInfo[] = [];
  const url = `${server.url}/model/`;
  const loaded = await pipeline("question-answering", url, { progress_callback: (info) => told.push(info) });
  await loaded.dispose();
  const weights = told.flatMap((info) => ("file" in info && info.file === "model.safetensors" ? [info] : []));
  expect(weights.at(-1)).toMatchObject({ status: "progress", name: url, progress: 100, total: weights[0]?.total });
  expect(told.at(-1)).toEqual({ status: "ready", task: "question-answering", model: url.replace(/\/$/, "") });
});
