/**
 * A full disk, simulated by a limit on the size of files: one line says what is kept, the exit code is 3, and no partial file
 * is left behind.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CommandResult, runShell } from "./support/command.ts";
import { repositoryRoot } from "./support/golden.ts";
import { writeSmallModel } from "./support/small-model.ts";

const sample = `${repositoryRoot}test/fixtures/squad/sample-v1.1.json`;

let folder: string;
let env: Readonly<Record<string, string>>;
const file = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fusebert-full-"));
  await writeSmallModel(file("model"));
  const json = JSON.stringify(JSON.parse(readFileSync(sample, "utf8")));
  const copies = Array.from(
    { length: 30 },
    (_, copy) => JSON.parse(json.replaceAll(/"id":"(\w+)"/g, `"id":"${copy}-$1"`)).data,
  );
  writeFileSync(file("large.json"), JSON.stringify({ data: copies.flat() }));
  env = { DIR: folder };
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a command that cannot write files of more than `kilobytes`. */
const limited = (kilobytes: number, command: string) => runShell(`ulimit -f ${kilobytes}; cd "$DIR"; ${command}`, env);

function expectFull({ code, stdout, stderr }: CommandResult, says: RegExp): void {
  expect(stderr).toMatch(says);
  expect(stderr).toMatch(/cannot be written: the file would exceed the size limit there \(EFBIG/);
  expect(stderr).not.toMatch(/defect/);
  expect(stdout).toBe("");
  expect(code).toBe(3);
}

describe.skipIf(process.platform === "win32")("a full disk", () => {
  const evaluate = "fusebert evaluate squad large.json --model model";

  test("while a journal is written keeps the predictions, and the same command continues from there", async () => {
    // Full in the middle of a batch of predictions.
    const full = await limited(6, `${evaluate} --predictions p.json`);
    expectFull(
      full,
      /^fusebert: [1-9]\d* of 300 questions are kept in p\.json\.journal; the same command continues from there\.\n/,
    );
    expect(full.stderr).toMatch(
      /\nfusebert: p\.json\.journal cannot be written: .*free some space, and the same command goes on/,
    );
    expect(existsSync(file("p.json.journal.lock"))).toBe(false);
    const rest = await runShell(
      `cd "$DIR"; ${evaluate} --predictions p.json; ${evaluate} --predictions whole.json`,
      env,
    );
    expect(rest.code).toBe(0);
    const kept = /^fusebert: (\d+) of/.exec(full.stderr)?.[1];
    expect(rest.stderr).toBe(`fusebert: continuing from p.json.journal, which has ${kept} predictions.\n`);
    expect(JSON.parse(readFileSync(file("p.json"), "utf8"))).toEqual(
      JSON.parse(readFileSync(file("whole.json"), "utf8")),
    );
  });

  test("while the result is written keeps the journal and the previous file", async () => {
    expect((await runShell(`cd "$DIR"; ${evaluate} --nbest n.json`, env)).code).toBe(0);
    const kilobytes = Math.floor(statSync(file("n.json")).size / 1024) - 1;
    writeFileSync(file("n.json"), "old");
    const full = await limited(kilobytes, `${evaluate} --nbest n.json`);
    expectFull(
      full,
      /^fusebert: 300 of 300 questions are kept in n\.json\.journal; the same command continues from there\.\n/,
    );
    expect(readFileSync(file("n.json"), "utf8")).toBe("old");
    expect(readdirSync(folder).filter((name) => name.startsWith("n.json"))).toEqual(["n.json", "n.json.journal"]);
    expect((await runShell(`cd "$DIR"; ${evaluate} --nbest n.json`, env)).stderr).toMatch(/which has 300 predictions/);
  });

  test.each([
    ["a page of explain", "explain --html page.html > /dev/null", "page.html"],
    ["an exported model", "export --model model --onnx exported", "exported"],
  ])("while %s is written leaves no files behind", async (_, command, name) => {
    expectFull(await limited(8, `fusebert ${command}`), /(The previous file is|Its previous files are) kept/);
    expect(readdirSync(folder).filter((entry) => entry.startsWith(name))).toEqual([]);
  });

  test("while a layer's inputs are written says that they are not complete", async () => {
    expectFull(await limited(8, "fusebert verify --write-inputs inputs"), /Its files are not complete: make room/);
  });
});
