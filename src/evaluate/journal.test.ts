import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fingerprintOf, formatLine, type JournalHead } from "./journal.ts";
import { JournalFile } from "./node/journal-file.ts";

const head: JournalHead = {
  format: "fusebert.squad-journal/1",
  version: "1",
  questions: "abc",
  model: "built-in",
  revision: "",
  engine: "cpu",
  scoring: "reference",
  "n-best": "kept",
};
const prediction = (id: string) => ({
  id,
  text: "Łódź 😀\n",
  nullOdds: -1.5,
  windows: 2,
  isShortened: false,
  nBest: [
    { text: "Łódź", probability: 0.75, start_logit: 1, end_logit: 2 },
    { text: "", probability: 0.25 },
  ],
});

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-journal-"));
  path = join(folder, "journal");
});
afterAll(() => rm(folder, { recursive: true }));

async function begin(): Promise<void> {
  await rm(path, { force: true });
  const journal = await JournalFile.open(path, head);
  await journal.append([prediction("a"), prediction("b")]);
  await journal.append([prediction("c")]);
  await journal.close();
}

async function open(other: JournalHead = head): Promise<readonly unknown[]> {
  const journal = await JournalFile.open(path, other);
  await journal.close();
  return journal.earlier;
}

test("what was appended is there again", async () => {
  await begin();
  expect(await open()).toEqual([prediction("a"), prediction("b"), prediction("c")]);
});

test("cut anywhere, it keeps its whole lines and can go on", async () => {
  await begin();
  const whole = await readFile(path);
  for (let length = 0; length <= whole.length; length += 7) {
    await writeFile(path, whole);
    await truncate(path, length);
    const journal = await JournalFile.open(path, head);
    const lines = whole.subarray(0, length).filter((byte) => byte === 0x0a).length;
    expect(journal.earlier).toHaveLength(Math.max(0, lines - 1));
    await journal.append([prediction("z")]);
    await journal.close();
    expect((await open()).at(-1)).toEqual(prediction("z"));
  }
});

test("is gone once it is removed", async () => {
  await begin();
  await (await JournalFile.open(path, head)).remove();
  await expect(readFile(path)).rejects.toThrow(/ENOENT/);
});

describe("refuses", () => {
  test.each(Object.keys(head).filter((key) => key !== "format"))(
    "another %s, and leaves the file as it is",
    async (key) => {
      await begin();
      const before = await readFile(path);
      const says = key === "questions" ? "questions are other ones" : `${key} is .* now "other" is asked for`;
      const error = new RegExp(`was begun for something else: its ${says}`);
      await expect(open({ ...head, [key]: "other" })).rejects.toThrow(error);
      expect(await readFile(path)).toEqual(before);
    },
  );

  test.each([
    ["text", "My notes\n"],
    ["text without a line break", "My notes"],
    ["other JSON", '{"1":"Paris"}\n'],
    ["a list", "[1]\n"],
  ])("%s, which is no journal", async (_, content) => {
    await writeFile(path, content);
    await expect(open()).rejects.toThrow(/is not the journal of an evaluation/);
    expect(await readFile(path, "utf8")).toBe(content);
  });

  test("a damaged line, by its number", async () => {
    await writeFile(path, `${formatLine(head)}${formatLine(prediction("a"))}{"id":5}\n`);
    await expect(open()).rejects.toThrow(/is damaged in line 3/);
  });

  test("a place that cannot be", async () => {
    await expect(JournalFile.open(join(folder, "gone", "journal"), head)).rejects.toThrow(/cannot be written/);
  });
});

test("a fingerprint depends on what is asked, not on what is right", async () => {
  const question = { id: "1", question: "?", context: "c", answers: ["x"] };
  const of = (other: object) => fingerprintOf({ kind: "1.1", questions: [{ ...question, ...other }] });
  expect(await of({ answers: ["y"] })).toBe(await of({}));
  for (const other of [{ id: "2" }, { question: "!" }, { context: "d" }])
    expect(await of(other)).not.toBe(await of({}));
});
