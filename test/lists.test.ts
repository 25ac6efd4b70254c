/**
 * Lists and streams of questions: an error names its row, results come as soon as they are ready, and a wrong argument gives
 * an InputError, never a TypeError.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KernelError } from "../src/engines/webgpu/device/pipeline-cache.ts";
import { exportOnnx } from "../src/export/export-onnx.ts";
import {
  type AnswerProgress,
  EngineError,
  InputError,
  MemoryFiles,
  type Question,
  QuestionAnswerer,
} from "../src/index.ts";
import { renderHtml } from "../src/verify/html/page.ts";
import { compare, diagnose, verify } from "../src/verify/index.ts";
import { collectNow } from "./support/collect-garbage.ts";
import { novel } from "./support/novel.ts";
import { writeSmallModel } from "./support/small-model.ts";

let folder: string;
let small: QuestionAnswerer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-lists-"));
  small = await QuestionAnswerer.load(await writeSmallModel(join(folder, "small")));
});
afterAll(async () => {
  await small.dispose();
  await rm(folder, { recursive: true });
});

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const ok: Question = { question: "Who wrote it?", context: "Mary Shelley wrote it." };
const tooLong = { ...ok, question: "who ".repeat(100) };

describe("a row that cannot be answered", () => {
  test.each([
    ["null", null, /questions\[1\]: the question is null; expected an object with question and context/],
    ["nothing", undefined, /questions\[1\]: the question is undefined/],
    ["a text", "Who?", /questions\[1\]: the question is "Who\?"/],
    ["a list", [ok], /questions\[1\]: the question is a list/],
    ["without a context", { question: "Who?" }, /questions\[1\]: the context is undefined; expected a string/],
    ["of no tokens", { ...ok, context: " \n" }, /questions\[1\]: the context is empty/],
    ["too long", tooLong, /questions\[1\]: the question has 100 tokens; expected at most 64/],
    ["with an id", { ...ok, context: "", id: "q-1" }, /questions\[1\] \(id "q-1"\): the context is empty/],
    ["with a number for id", { ...ok, id: 7 }, /questions\[1\]: the id is 7; expected a string/],
  ])("%s is named, and the others can be answered", async (_, row, message) => {
    const questions = [ok, row as Question, ok];
    const failure = await small.answer(questions).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InputError);
    expect(failure).toMatchObject({ index: 1, message: expect.stringMatching(message) });

    const results = await small.answer(questions, { onError: "return" });
    expect(results.map((result) => "error" in result)).toEqual([false, true, false]);
    expect(results[1]).toMatchObject({ index: 1, error: { index: 1, message: expect.stringMatching(message) } });
    expect(results[2]).toEqual(await small.answer(ok));
  });

  test("may be a hole", async () => {
    const holed = new Array<Question>(3);
    holed[2] = ok;
    await expect(small.answer(holed)).rejects.toMatchObject({ name: "InputError", index: 0 });
    const results = await small.answer(holed, { onError: "return" });
    expect(results.map((result) => "error" in result)).toEqual([true, true, false]);
  });

  test("whose logits are not finite is named too", async () => {
    // Embeddings so large that float32 overflows.
    const spoilt = await writeSmallModel(join(folder, "spoilt"), () => 3e38);
    await using answerer = await QuestionAnswerer.load(spoilt);
    await expect(answerer.answer([ok])).rejects.toMatchObject({ name: "EngineError", index: 0 });
    const [failed] = await answerer.answer([{ ...ok, id: "a" }], { onError: "return" });
    expect(failed).toMatchObject({ index: 0, id: "a", error: { name: "EngineError" } });
  });

  test("is not numbered if it is the only question", async () => {
    await expect(small.answer({ ...ok, context: "" })).rejects.toThrow(/^the context is empty/);
  });
});

test("a result has the id of its question", async () => {
  const [first, second] = await small.answer([{ ...ok, id: "first" }, ok]);
  expect(first?.id).toBe("first");
  expect(second).not.toHaveProperty("id");
});

describe("a stream", () => {
  test("gives the results of a list, each as soon as it is ready, with its index and id", async () => {
    const long = await novel(60_000);
    const questions = [
      { ...ok, context: long, id: "novel" },
      ...Array.from({ length: 40 }, (_, n) => ({ ...ok, id: `q${n}` })),
    ];
    const expected = await small.answer(questions, { topK: 2 });
    const seen: number[] = [];
    for await (const { index, ...result } of small.stream(questions, { topK: 2 })) {
      seen.push(index);
      expect(result.answers.map(({ text }) => text)).toEqual(expected[index]?.answers.map(({ text }) => text));
      expect(result.id).toBe(questions[index]?.id);
    }
    expect(seen.toSorted((a, b) => a - b)).toEqual(questions.map((_, index) => index));
  });

  test("takes questions on demand, and none after its consumer stops", async () => {
    let taken = 0;
    async function* endless() {
      for (;;) {
        taken++;
        yield ok;
      }
    }
    let got = 0;
    for await (const { answers } of small.stream(endless())) {
      expect(answers).toHaveLength(1);
      if (++got === 1000) break;
    }
    expect(taken).toBeLessThan(2000);
    const before = taken;
    expect((await small.answer(ok)).answers).toHaveLength(1);
    expect(taken).toBe(before);
  });

  test("answers a question without waiting for the next", async () => {
    let give: (question: Question) => void = () => undefined;
    async function* slow() {
      yield ok;
      yield await new Promise<Question>((resolve) => {
        give = resolve;
      });
    }
    const results = small.stream(slow());
    expect((await results.next()).value).toMatchObject({ index: 0 });
    const second = results.next();
    await new Promise((resolve) => setTimeout(resolve, 20));
    give(ok);
    expect((await second).value).toMatchObject({ index: 1 });
    expect((await results.next()).done).toBe(true);
  });

  test("can be aborted while it waits for a question", async () => {
    async function* never() {
      yield ok;
      await new Promise(() => undefined);
    }
    const controller = new AbortController();
    const reason = new Error("enough");
    const results = small.stream(never(), { signal: controller.signal });
    await results.next();
    const second = results.next();
    setTimeout(() => controller.abort(reason), 20);
    await expect(second).rejects.toBe(reason);
  });

  test("reports only once that windows multiply", async () => {
    const context = await novel(6000);
    const notes: string[] = [];
    const questions = Array.from({ length: 6 }, () => ({ ...ok, context }));
    const onProgress = ({ note }: AnswerProgress) => note !== undefined && notes.push(note);
    const options = { maxSequenceLength: 128, docStride: 115, onProgress };
    expect(await allOf(small.stream(questions, options))).toHaveLength(6);
    expect(notes).toHaveLength(1);
  });

  test("lets other calls run between two results", async () => {
    const questions = Array.from({ length: 600 }, () => ok);
    let asked = 0;
    for await (const { index } of small.stream(questions)) {
      if (index % 100 === 0 && (await small.answer(ok)).answers.length === 1) asked++;
    }
    expect(asked).toBe(6);
  });

  test("returns errors in place of answers, or ends with the first", async () => {
    const questions = [ok, { ...ok, context: "", id: "empty" }, ok];
    const outcomes: string[] = [];
    for await (const item of small.stream(questions, { onError: "return" })) {
      outcomes.push("error" in item ? `${item.index} ${item.error.message}` : `${item.index}`);
    }
    expect(outcomes.toSorted()).toEqual([
      "0",
      '1 questions[1] (id "empty"): the context is empty; expected a text that may hold the answer.',
      "2",
    ]);
    await expect(allOf(small.stream(questions))).rejects.toMatchObject({ index: 1, id: "empty" });
  });

  test("can be aborted, and ends when the model is disposed of", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const taking = async () => {
      for await (const _ of small.stream(
        Array.from({ length: 5000 }, () => ok),
        { signal: controller.signal },
      )) {
        controller.abort(reason);
      }
    };
    await expect(taking()).rejects.toBe(reason);

    const passing = await QuestionAnswerer.load(join(folder, "small"));
    const results = passing.stream(Array.from({ length: 1000 }, () => ok));
    await results.next();
    await passing.dispose();
    await expect(allOf(results)).rejects.toThrow(EngineError);
    await expect(allOf(passing.stream([ok], { onError: "return" }))).rejects.toThrow(EngineError);
  });

  test("with onError: return also ends when the model is disposed of", async () => {
    const passing = await QuestionAnswerer.load(join(folder, "small"));
    const results = passing.stream(
      Array.from({ length: 1000 }, () => ok),
      { onError: "return" },
    );
    await results.next();
    await passing.dispose();
    await expect(allOf(results)).rejects.toThrow(EngineError);
  });
});

test("a list keeps the candidates of one question at a time", async () => {
  const text = await novel(200_000);
  const questions = Array.from({ length: 150 }, (_, n) => ({ ...ok, context: text.slice(n * 1200, n * 1200 + 1500) }));
  let peak = 0;
  collectNow();
  const before = process.memoryUsage().heapUsed;
  await small.answer(questions, {
    topK: 20,
    overlap: "none",
    onProgress: ({ phase, done, total }) => {
      if (phase !== "compute" || done < total) return;
      collectNow();
      peak = process.memoryUsage().heapUsed - before;
    },
  });
  // Candidates of all questions take some 60 MB.
  expect(peak).toBeLessThan(20e6);
});

test("an error of any class can name a row", () => {
  const error = new KernelError("matmul 3", "fn main() {}", "unknown type f17", new Error("cause"));
  const inRow = error.inRow({ index: 2, id: "a" });
  expect(inRow).toBeInstanceOf(KernelError);
  expect(inRow).toMatchObject({ index: 2, id: "a", code: "fn main() {}", label: "matmul 3", cause: error.cause });
  expect(inRow.message).toBe(`questions[2] (id "a"): ${error.message}`);
  expect(inRow.stack).toContain(inRow.message);
  expect(inRow.inRow(undefined).message).toBe(error.message);
  expect(error).not.toHaveProperty("index");
});

describe("a wrong argument is an InputError", () => {
  const any = (value: unknown) => value as never;
  test.each<[string, () => Promise<unknown>, RegExp]>([
    ["answer(null)", () => small.answer(any(null)), /the question is null/],
    ["answer()", () => small.answer(any(undefined)), /the question is undefined/],
    ["answer(5)", () => small.answer(any(5)), /the question is 5/],
    ["answer([null])", () => small.answer([any(null)]), /questions\[0\]/],
    ["options null", () => small.answer(ok, any(null)), /the options are null; expected an object/],
    ["options 5", () => small.answer(ok, any(5)), /the options are 5/],
    ["options []", () => small.answer(ok, any([])), /the options are a list/],
    ["signal {}", () => small.answer(ok, { signal: any({}) }), /signal is an object; expected an AbortSignal/],
    ["signal null", () => small.answer(ok, { signal: any(null) }), /signal is null/],
    ["onProgress", () => small.answer(ok, { onProgress: any("x") }), /onProgress is "x"; expected a function/],
    ["onError", () => small.answer([ok], { onError: any("ignore") }), /onError is "ignore"; expected throw or return/],
    ["onError of one", () => small.answer(ok, any({ onError: "return" })), /for a single question/],
    ["topK an object", () => small.answer(ok, { topK: any({}) }), /topK is an object/],
    ["topK a symbol", () => small.answer(ok, { topK: any(Symbol("k")) }), /topK is a symbol/],
    ["an object without prototype", () => small.answer(ok, { topK: any(Object.create(null)) }), /topK is an object/],
    ["overlap", () => small.answer(ok, { overlap: any("some") }), /overlap is "some"; expected allow or none/],
    ["offsetUnit", () => small.answer(ok, { offsetUnit: any("byte") }), /offsetUnit is "byte"; expected utf-16 or code/],
    ["truncateQuestion", () => small.answer(ok, { truncateQuestion: any("middle") }), /expected end, start, true or false/],
    ["stream(null)", () => allOf(small.stream(any(null))), /the questions are null; expected a list/],
    ["stream of a text", () => allOf(small.stream(any("abc"))), /the questions are "abc"/],
    ["stream of one", () => allOf(small.stream(any(ok))), /the questions are an object/],
    ["stream options", () => allOf(small.stream([], any(null))), /the options are null/],
    ["load(5)", () => QuestionAnswerer.load(any(5)), /the model is 5; expected a folder/],
    ["load(null)", () => QuestionAnswerer.load(any(null)), /the model is null/],
    ["load({})", () => QuestionAnswerer.load(any({})), /the model is an object/],
    ["load([])", () => QuestionAnswerer.load(any([])), /the model is a list/],
    ["load options null", () => QuestionAnswerer.load(undefined, any(null)), /the options are null/],
    ["load options 5", () => QuestionAnswerer.load(undefined, any(5)), /the options are 5/],
    ["load options []", () => QuestionAnswerer.load(undefined, any([])), /the options are a list/],
    ["a load option", () => QuestionAnswerer.load(undefined, any({ dtype: "q8" })), /no option dtype; expected one of device/],
    ["load's signal", () => QuestionAnswerer.load(undefined, { signal: any({}) }), /signal is an object/],
    ["revision", () => QuestionAnswerer.load("a/b", { revision: any(7) }), /revision is 7; expected a string/],
    ["gpu null", () => QuestionAnswerer.load(undefined, { device: "webgpu", gpu: any(null) }), /options of the GPU are null/],
    ["a gpu option", () => QuestionAnswerer.load(undefined, { device: "webgpu", gpu: any({ x: 1 }) }), /no option x/],
    ["threads 1000", () => QuestionAnswerer.load(undefined, { threads: 1000 }), /threads is 1000; expected a whole number from 1 to/],
    ["threads '2'", () => QuestionAnswerer.load(undefined, { threads: any("2") }), /threads is "2"/],
    ["MemoryFiles(null)", async () => new MemoryFiles(any(null)), /the files are null; expected an object/],
    ["MemoryFiles([])", async () => new MemoryFiles(any([])), /the files are a list/],
    ["MemoryFiles of text", async () => new MemoryFiles(any({ "config.json": "{}" })), /"config.json" is "{}"; expected a Uint8Array/],
    ["MemoryFiles of a Map", async () => new MemoryFiles(any(new Map())), /the files are a collection/],
    ["MemoryFiles' name", async () => new MemoryFiles({}, any(5)), /name is 5; expected a string/],
    ["gpu.level", () => QuestionAnswerer.load(undefined, { device: "webgpu", gpu: { level: any(5) } }), /level is 5; expected O0, O1/],
    ["gpu.precision", () => QuestionAnswerer.load(undefined, { device: "webgpu", gpu: { precision: any("q8") } }), /precision is "q8"; expected auto/],
    ["gpu.tiles", () => QuestionAnswerer.load(undefined, { device: "webgpu", gpu: { tiles: any("best") } }), /tiles is "best"/],
    ["gpu.onTrace", () => QuestionAnswerer.load(undefined, { device: "webgpu", gpu: { onTrace: any(1) } }), /onTrace is 1; expected a function/],
    ["gpu.skipSelfTest", () => QuestionAnswerer.load(undefined, { device: "webgpu", gpu: { skipSelfTest: any("no") } }), /skipSelfTest is "no"; expected true or false/],
    ["verify(null)", () => verify(any(null)), /verify's argument is null; expected an object/],
    ["verify({})", () => verify(any({})), /model\.name of verify's argument is undefined; expected a string/],
    ["compare()", async () => compare(any(undefined)), /compare's argument is undefined/],
    ["compare({})", async () => compare(any({})), /original of compare's argument is undefined; expected a tensor/],
    ["diagnose(null)", () => diagnose(any(null), any(null), any(null)), /diagnose's subject is null/],
    ["renderHtml(null)", async () => renderHtml(any(null)), /the report is null; expected an object/],
    ["exportOnnx options", () => exportOnnx(undefined, any(null)), /the options are null/],
    ["exportOnnx option", () => exportOnnx(undefined, any({ dtype: 1 })), /no option dtype/],
    ["exportOnnx(5)", () => exportOnnx(any(5)), /the model is 5/],
  ])("%s", async (_, call, message) => {
    const error = await call().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InputError);
    expect(error).toMatchObject({ message: expect.stringMatching(message) });
  }); // biome-ignore format: a table
});
