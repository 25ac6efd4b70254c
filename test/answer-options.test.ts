/**
 * Options of an answer that change which spans are given, or how their place is told: in the library and the command.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AnswerReport } from "../src/cli/answer/render.ts";
import { type AnswerProgress, QuestionAnswerer } from "../src/index.ts";
import { runCommand } from "./support/command.ts";
import { required } from "./support/golden.ts";
import { novel } from "./support/novel.ts";
import { writeSmallModel } from "./support/small-model.ts";

const ship = {
  question: "Where did the ship sink?",
  context: "The ship sank off the coast of Malta. Divers later said the ship sank near Gozo.",
};
const who = "Who wrote the novel?";
const emoji = "😀 𝒳 The novel was written by Mary Shelley 👩🏽.\nIt is set in Geneva.";

let folder: string;
let answerer: QuestionAnswerer;
let small: QuestionAnswerer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-options-"));
  answerer = await QuestionAnswerer.load();
  small = await QuestionAnswerer.load(await writeSmallModel(join(folder, "small")));
});
afterAll(async () => {
  await Promise.all([answerer.dispose(), small.dispose()]);
  await rm(folder, { recursive: true });
});

async function reportOf(args: readonly string[]): Promise<AnswerReport> {
  const { code, stdout } = await runCommand([...args, "--json"]);
  expect(code).toBe(0);
  return JSON.parse(stdout) as AnswerReport;
}

describe("overlap", () => {
  test("none keeps the best of answers that overlap, and is the command's default", async () => {
    const all = await answerer.answer(ship, { topK: 1000 });
    const expected: string[] = [];
    const taken: { start: number; end: number }[] = [];
    for (const { start, end, text } of all.answers) {
      if (taken.some((other) => start < other.end && other.start < end) || taken.length === 5) continue;
      taken.push({ start, end });
      expected.push(text);
    }
    const islands = expected.slice(0, 2).map((text) => /Gozo|Malta/.exec(text)?.[0] ?? text);
    expect(islands.toSorted()).toEqual(["Gozo", "Malta"]);
    const { answers } = await answerer.answer(ship, { topK: 5, overlap: "none" });
    expect(answers.map(({ text }) => text)).toEqual(expected);
    const command = ["answer", ship.question, "--text", ship.context, "--top-k", "5"];
    expect((await reportOf(command)).answers.map(({ text }) => text)).toEqual(expected);
  });

  test("allow is v4's, and the library's default", async () => {
    const { answers } = await answerer.answer(ship, { topK: 5 });
    expect(await answerer.answer(ship, { topK: 5, overlap: "allow" })).toMatchObject({ answers });
    expect(answers.map(({ text }) => text)).toContain("near Gozo");
    const args = ["answer", ship.question, "--text", ship.context, "--top-k", "5", "--overlap", "allow"];
    expect((await reportOf(args)).answers.map(({ text }) => text)).toEqual(answers.map(({ text }) => text));
  });

  test("none over many windows gives as many as asked for", async () => {
    const context = await novel(50_000);
    const { answers } = await small.answer({ question: who, context }, { topK: 50, overlap: "none" });
    expect(answers).toHaveLength(50);
    const sorted = answers.toSorted((a, b) => a.start - b.start);
    sorted.slice(1).forEach(({ start }, index) => {
      expect(start).toBeGreaterThanOrEqual(required(sorted[index]).end);
    });
  });
});

test("more answers without overlap than can be chosen exactly are refused, with how many can", async () => {
  const call = small.answer({ question: who, context: "x" }, { topK: 2000, overlap: "none" });
  await expect(call).rejects.toThrow(
    /topK is 2000 with maxAnswerLength 15.*expected a topK of at most 404\..*overlap "allow"/,
  );
  await expect(small.answer({ question: who, context: "x" }, { topK: 404, overlap: "none" })).resolves.toBeDefined();
  await expect(small.answer({ question: who, context: "x" }, { topK: 2000 })).resolves.toBeDefined();
});

describe("offsetUnit", () => {
  test("code-point counts as Python's strings do", async () => {
    const [utf16] = (await answerer.answer({ question: who, context: emoji })).answers;
    const [points] = (await answerer.answer({ question: who, context: emoji }, { offsetUnit: "code-point" })).answers;
    expect(emoji.slice(utf16?.start, utf16?.end)).toBe("Mary Shelley");
    expect(Array.from(emoji).slice(points?.start, points?.end).join("")).toBe("Mary Shelley");
    expect(points?.text).toBe("Mary Shelley");
    expect(required(utf16).start - required(points).start).toBe(2);
  });

  test("is told in the JSON, and is that of the excerpt too", async () => {
    const args = ["answer", who, "--text", emoji];
    const utf16 = await reportOf(args);
    expect(utf16.offsetUnit).toBe("utf-16");
    const [first] = utf16.answers;
    expect(first?.excerpt.text.slice(first.excerpt.start, first.excerpt.end)).toBe("Mary Shelley");
    const points = await reportOf([...args, "--offset-unit", "code-point"]);
    expect(points.offsetUnit).toBe("code-point");
    const [second] = points.answers;
    const characters = Array.from(second?.excerpt.text ?? "");
    expect(characters.slice(second?.excerpt.start, second?.excerpt.end).join("")).toBe("Mary Shelley");
    expect(Array.from(emoji).slice(second?.start, second?.end).join("")).toBe("Mary Shelley");
  });

  test("is in the help", async () => {
    const { stdout } = await runCommand(["answer", "--help"]);
    expect(stdout).toMatch(/Offsets of answers count UTF-16 code units[\s\S]*--offset-unit code-point/);
  });
});

test("the JSON has the line and the sentence that the terminal shows", async () => {
  const text = `One line.\nAnother.\nThe novel \u0007 was   written by Mary Shelley in 1816. It is set in Geneva.`;
  const { answers } = await reportOf(["answer", who, "--text", text]);
  expect(answers[0]).toMatchObject({ text: "Mary Shelley", line: 3 });
  const { excerpt } = required(answers[0]);
  expect(excerpt.text).toMatch(/^The novel .*was written by Mary Shelley in 1816\.$/);
  expect(excerpt.text.slice(excerpt.start, excerpt.end)).toBe("Mary Shelley");
  const { stdout } = await runCommand(["answer", who, "--text", text]);
  expect(stdout).toContain(excerpt.text.replace("Mary Shelley", "[[Mary Shelley]]"));
  expect(stdout).toContain("text:3");
});

describe("a docStride near the window's length", () => {
  test("is told of, with the numbers", async () => {
    const context = await novel(13_400);
    const notes: AnswerProgress[] = [];
    const options = { maxSequenceLength: 512, docStride: 500 };
    const result = await small.answer(
      { question: "Who?", context },
      { ...options, onProgress: (progress) => progress.note !== undefined && notes.push(progress) },
    );
    expect(notes).toHaveLength(1);
    const [{ note, total } = { note: "", total: 0 }] = notes;
    expect(total).toBe(result.windows);
    expect(note).toMatch(/^docStride 500 .*: \d+ windows are read, where without overlap there would be \d+$/);
    const [, read, apart] = /: (\d+) windows .* (\d+)$/.exec(note ?? "") ?? [];
    expect(Number(read)).toBe(result.windows);
    const without = await small.answer({ question: "Who?", context }, { maxSequenceLength: 512, docStride: 0 });
    expect(Number(apart)).toBe(without.windows);
  });

  test("is a warning of the command; the default says nothing", async () => {
    const path = join(folder, "long.txt");
    await writeFile(path, await novel(5000));
    const args = ["answer", "Who?", "--context", path, "--model", join(folder, "small")];
    const { code, stderr } = await runCommand([...args, "--max-sequence-length", "512", "--doc-stride", "500"]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^fusebert: warning: --doc-stride 500 is .* \d+ windows are read.*\.\n$/);
    expect((await runCommand(args)).stderr).toBe("");
  });
});

test("an excerpt is not cut inside a character", async () => {
  const accents = "e\u0301".repeat(300);
  const { answers } = await reportOf(["answer", who, "--text", `${accents} was written by Mary Shelley ${accents}`]);
  expect(required(answers[0]).excerpt.text).toMatch(/^…(e\u0301)+ .* (e\u0301)+…$/);
});

test("names of files that look like options are left alone", async () => {
  for (const path of ["./docStride", "docs/topK.txt", "topK.txt", "a-topK"]) {
    const { stderr } = await runCommand(["answer", who, "--context", path]);
    expect(stderr).toContain(`fusebert: ${path} does not exist`);
  }
});

describe("a text that is the name of a file", () => {
  test("is answered from, and told of", async () => {
    const { code, stdout, stderr } = await runCommand(["answer", "What is it?", "--text", "README.md"]);
    expect(code).toBe(0);
    expect(stdout).toContain("text:1");
    expect(stderr).toBe(
      "fusebert: warning: --text is the text itself, and a file of that name exists: --context README.md reads it.\n",
    );
  });

  test("and a file that is a text: the error names --text", async () => {
    const { code, stderr } = await runCommand(["answer", who, "--context", "Mary Shelley wrote the novel."]);
    expect(code).toBe(2);
    expect(stderr).toContain("To give the text itself, use --text.");
  });
});

describe("a question that is too long", () => {
  const filler = "Please answer as briefly as you possibly can, dear machine. ".repeat(8);
  const ask = { question: `${filler}Who wrote the novel?`, context: "Mary Shelley wrote the novel in Geneva." };

  test("is cut at its end or its start", async () => {
    const end = await answerer.answer(ask, { truncateQuestion: "end" });
    expect(ask.question.startsWith(required(end.truncatedQuestion))).toBe(true);
    expect(await answerer.answer(ask, { truncateQuestion: true })).toEqual(end);
    const start = await answerer.answer(ask, { truncateQuestion: "start" });
    expect(start.truncatedQuestion?.endsWith("Who wrote the novel?")).toBe(true);
    expect(start.answers[0]?.text).toBe("Mary Shelley");
  });

  test("and what is said to have been read is what was read", async () => {
    // Words of one token each: half a word would be read as another one.
    const question = `${"please ".repeat(100)}who wrote the novel`;
    for (const truncateQuestion of ["end", "start"] as const) {
      const cut = await answerer.answer({ ...ask, question }, { truncateQuestion });
      const read = await answerer.answer({ ...ask, question: required(cut.truncatedQuestion) });
      expect(read.answers).toEqual(cut.answers);
    }
  });

  test("is not cut inside a character", async () => {
    const question = "e\u0301 ".repeat(100).trim();
    for (const truncateQuestion of ["end", "start"] as const) {
      const { truncatedQuestion } = await answerer.answer({ ...ask, question }, { truncateQuestion });
      expect(truncatedQuestion).toMatch(/^(e\u0301 )+e\u0301$/);
    }
  });

  test("is an error of the command that names its option, and is cut with it", async () => {
    const args = ["answer", ask.question, "--text", ask.context];
    const refused = await runCommand(args);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/^fusebert: the question has \d+ tokens; .*set --truncate-question to have it cut/);
    const report = await reportOf([...args, "--truncate-question", "start"]);
    expect(report.answers[0]?.text).toBe("Mary Shelley");
    expect(report.truncatedQuestion?.endsWith("Who wrote the novel?")).toBe(true);
    const { stdout } = await runCommand([...args, "--truncate-question", "start"]);
    expect(stdout).toMatch(/\nasked: .*Who wrote the novel\?\n/);
  });
});
