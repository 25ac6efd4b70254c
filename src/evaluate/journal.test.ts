import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
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

const contexts = new Map(["a", "b", "c", "z"].map((id) => [id, "Aus Łódź 😀\n, Polen."]));

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-journal-"));
  path = join(folder, "journal");
});
afterAll(() => rm(folder, { recursive: true }));

async function begin(): Promise<void> {
  await rm(path, { force: true });
  const journal = await JournalFile.open(path, head, contexts);
  for (const id of ["a", "b", "c"]) await journal.append(prediction(id));
  await journal.close();
}

async function open(other: JournalHead = head): Promise<readonly unknown[]> {
  const journal = await JournalFile.open(path, other, contexts);
  await journal.close();
  return journal.earlier;
}

test("reads back what was appended", async () => {
  await begin();
  expect(await open()).toEqual([prediction("a"), prediction("b"), prediction("c")]);
});

test("cut anywhere, it keeps its complete lines and can be continued", async () => {
  await begin();
  const whole = await readFile(path);
  for (let length = 0; length <= whole.length; length += 7) {
    await writeFile(path, whole);
    await truncate(path, length);
    const journal = await JournalFile.open(path, head, contexts);
    const lines = whole.subarray(0, length).filter((byte) => byte === 0x0a).length;
    expect(journal.earlier).toHaveLength(Math.max(0, lines - 1));
    await journal.append(prediction("z"));
    await journal.close();
    expect((await open()).at(-1)).toEqual(prediction("z"));
  }
});

describe("one process at a time", () => {
  const inUse = /process \d+ on .* is working on .*journal; expected one process at a time/;
  const lock = (content: object) => writeFile(`${path}.lock`, JSON.stringify(content));
  const mine = async () => JSON.parse(await readFile(`${path}.lock`, "utf8"));

  test("a second process is rejected until the first has closed it, or failed to open it", async () => {
    await begin();
    const journal = await JournalFile.open(path, head, contexts);
    await expect(open()).rejects.toThrow(inUse);
    await journal.close();
    await expect(open({ ...head, model: "other" })).rejects.toThrow(/started with other settings/);
    expect(await open()).toHaveLength(3);
    expect(await readdir(folder)).toEqual(["journal"]);
  });

  test("the lock of a killed process is taken over, even if its pid is reused", async () => {
    await begin();
    const journal = await JournalFile.open(path, head, contexts);
    const owner = await mine();
    await journal.close();
    for (const left of [
      { ...owner, pid: 2 ** 22 + 1 },
      { ...owner, started: "1" },
    ]) {
      await lock(left);
      expect(await open()).toHaveLength(3);
    }
    expect(await readdir(folder)).toEqual(["journal"]);
  });

  test("a lock from another machine is kept", async () => {
    await begin();
    await lock({ pid: 1, started: "", host: "elsewhere" });
    await expect(open()).rejects.toThrow(/process 1 on elsewhere is working on .* delete .*journal\.lock\.$/);
    await rm(`${path}.lock`);
  });

  test("a lock without an owner is respected for a few seconds", async () => {
    await begin();
    await writeFile(`${path}.lock`, "");
    await expect(open()).rejects.toThrow(/another process is working/);
    await utimes(`${path}.lock`, 0, 0);
    expect(await open()).toHaveLength(3);
  });

  test.each<[string, (lock: string) => Promise<unknown>]>([
    ["a file", (lock) => writeFile(lock, "My notes")],
    ["a file of JSON", (lock) => writeFile(lock, '{"pid":1}')],
    ["a long file", (lock) => writeFile(lock, " ".repeat(5000))],
    ["a folder", (lock) => mkdir(lock)],
    ["a link", (lock) => symlink("/dev/null", lock)],
  ])("%s that is not a lock is named in the error and not changed", async (_, make) => {
    await begin();
    const lock = `${path}.lock`;
    await make(lock);
    await utimes(lock, 0, 0).catch(() => undefined);
    const before = await lstat(lock);
    await expect(open()).rejects.toThrow(/journal\.lock is not a lock file of fusebert; .* Move it elsewhere/);
    const after = await lstat(lock);
    expect([after.ino, after.size, after.mtimeMs]).toEqual([before.ino, before.size, before.mtimeMs]);
    await rm(lock, { recursive: true });
    expect(await readdir(folder)).toEqual(["journal"]);
  });

  test("closing does not remove the lock of a process that took over", async () => {
    await begin();
    const journal = await JournalFile.open(path, head, contexts);
    await lock({ pid: 1, started: "", host: "elsewhere" });
    await journal.close();
    expect(await mine()).toEqual({ pid: 1, started: "", host: "elsewhere" });
    await rm(`${path}.lock`);
  });

  test("a bug while opening is not reported as a disk error", async () => {
    const defect = new TypeError("not a function");
    const broken = new Map();
    broken.get = () => {
      throw defect;
    };
    await begin();
    await expect(JournalFile.open(path, head, broken)).rejects.toBe(defect);
    expect(await readdir(folder)).toEqual(["journal"]);
  });

  test("of many concurrent attempts one succeeds", async () => {
    await begin();
    await lock({ pid: 2 ** 22 + 1, started: "", host: hostname() });
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => JournalFile.open(path, head, contexts)));
    const opened = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(opened).toHaveLength(1);
    await opened[0]?.close();
    expect(await readdir(folder)).toEqual(["journal"]);
  });
});

test("remove deletes the file", async () => {
  await begin();
  await (await JournalFile.open(path, head, contexts)).remove();
  await expect(readFile(path)).rejects.toThrow(/ENOENT/);
});

describe("rejects", () => {
  test.each(Object.keys(head).filter((key) => key !== "format"))(
    "another %s without changing the file",
    async (key) => {
      await begin();
      const before = await readFile(path);
      const says = key === "questions" ? "questions differ" : `${key} is .*, not "other"`;
      const error = new RegExp(`was started with other settings: its ${says}`);
      await expect(open({ ...head, [key]: "other" })).rejects.toThrow(error);
      expect(await readFile(path)).toEqual(before);
    },
  );

  test.each([
    ["text", "My notes\n"],
    ["text without a line break", "My notes"],
    ["other JSON", '{"1":"Paris"}\n'],
    ["a list", "[1]\n"],
  ])("%s instead of a journal", async (_, content) => {
    await writeFile(path, content);
    await expect(open()).rejects.toThrow(/is not the journal of an evaluation/);
    expect(await readFile(path, "utf8")).toBe(content);
  });

  const elsewhere = { ...prediction("b"), text: "Kraków" };
  const among = { ...prediction("b"), nBest: [{ text: "Kraków", probability: 1 }] };
  test.each<[string, string, RegExp]>([
    ["that is not a prediction", '{"id":5}\n', /is damaged in line 3;/],
    ["that is not JSON", "{]\n", /is damaged in line 3;/],
    ["with the head again", formatLine(head), /is damaged in line 3;/],
    ["that occurs twice", formatLine(prediction("a")), /line 3: line 2 has the question "a" already/],
    ["of another data set", formatLine(prediction("x")), /line 3: the data set has no question "x"/],
    [
      "with a text that is not in the context",
      formatLine(elsewhere),
      /line 3: the text of the question has no "Kraków"/,
    ],
    ["with such a text in its n-best list", formatLine(among), /line 3: the text of the question has no "Kraków"/],
    ["with an invalid number of windows", formatLine({ ...prediction("b"), windows: 0.5 }), /is damaged in line 3;/],
  ])("a line %s, by its number, without changing the file", async (_, line, says) => {
    const content = `${formatLine(head)}${formatLine(prediction("a"))}${line}`;
    await writeFile(path, content);
    const error = await open().catch(String);
    expect(error).toMatch(says);
    expect(error).toMatch(/ Delete that line to predict its question again, or delete the file to start over\.$/);
    expect(await readFile(path, "utf8")).toBe(content);
  });

  test("a head with an unknown key", async () => {
    await writeFile(path, `${JSON.stringify({ ...head, more: 1 })}\n`);
    await expect(open()).rejects.toThrow(/is damaged in line 1: it has "more"; .* Delete the file to start over\.$/);
  });

  test("a folder, with advice about the name of the result", async () => {
    await rm(path);
    await mkdir(path);
    await expect(open()).rejects.toThrow(/journal is a folder; .* name another file for the result\.$/);
    await rm(path, { recursive: true });
  });

  test("fifty million empty lines or brackets, at the first of them", async () => {
    for (const junk of ["\n".repeat(50_000_000), `${"[".repeat(50_000_000)}\n`]) {
      await writeFile(path, formatLine(head) + junk);
      await expect(open()).rejects.toThrow(/is damaged in line 2;/);
    }
  });

  test("a path that is not an ordinary file", async () => {
    await rm(path);
    await symlink("/dev/zero", path);
    await expect(open()).rejects.toThrow(/journal is not an ordinary file/);
    await rm(path);
  });

  test("a path in a folder that does not exist", async () => {
    await expect(JournalFile.open(join(folder, "gone", "journal"), head, contexts)).rejects.toThrow(
      /cannot be written/,
    );
  });
});

test("a fingerprint depends on the questions, not on their answers", async () => {
  const question = { id: "1", question: "?", context: "c", answers: ["x"] };
  const of = (other: object) => fingerprintOf({ kind: "1.1", questions: [{ ...question, ...other }] });
  expect(await of({ answers: ["y"] })).toBe(await of({}));
  for (const other of [{ id: "2" }, { question: "!" }, { context: "d" }])
    expect(await of(other)).not.toBe(await of({}));
});
