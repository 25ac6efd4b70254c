/**
 * A disk that takes no more while something is written, played by a limit on the size of files: said in one line that names
 * what is kept, exit code 3, and nothing is left by half.
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

/** No file may have more than so many kilobytes. */
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

  test("under a journal keeps what was predicted, and the same command goes on from there", async () => {
    // Full in the middle of the predictions of one batch.
    const full = await limited(6, `${evaluate} --predictions p.json`);
    expectFull(
      full,
      /^fusebert: [1-9]\d* of 300 questions are kept in p\.json\.journal; the same command goes on from there\.\n/,
    );
    expect(full.stderr).toMatch(
      /\nfusebert: p\.json\.journal cannot be written: .*make room, and the same command goes on/,
    );
    expect(existsSync(file("p.json.journal.lock"))).toBe(false);
    const rest = await runShell(
      `cd "$DIR"; ${evaluate} --predictions p.json; ${evaluate} --predictions whole.json`,
      env,
    );
    expect(rest.code).toBe(0);
    const kept = /^fusebert: (\d+) of/.exec(full.stderr)?.[1];
    expect(rest.stderr).toBe(`fusebert: going on from p.json.journal, which has ${kept} predictions.\n`);
    expect(JSON.parse(readFileSync(file("p.json"), "utf8"))).toEqual(
      JSON.parse(readFileSync(file("whole.json"), "utf8")),
    );
  });

  test("under the result keeps the journal, and the file that stood there", async () => {
    expect((await runShell(`cd "$DIR"; ${evaluate} --nbest n.json`, env)).code).toBe(0);
    const kilobytes = Math.floor(statSync(file("n.json")).size / 1024) - 1;
    writeFileSync(file("n.json"), "old");
    const full = await limited(kilobytes, `${evaluate} --nbest n.json`);
    expectFull(full, /^fusebert: 300 of 300 questions are kept in n\.json\.journal; the same command goes on/);
    expect(readFileSync(file("n.json"), "utf8")).toBe("old");
    expect(readdirSync(folder).filter((name) => name.startsWith("n.json"))).toEqual(["n.json", "n.json.journal"]);
    expect((await runShell(`cd "$DIR"; ${evaluate} --nbest n.json`, env)).stderr).toMatch(/which has 300 predictions/);
  });

  test.each([
    ["a page of explain", "explain --html page.html > /dev/null", "page.html"],
    ["an exported model", "export --model model --onnx exported", "exported"],
  ])("under %s leaves nothing of it", async (_, command, name) => {
    expectFull(await limited(8, `fusebert ${command}`), /What (stood there|was in it) before is kept/);
    expect(readdirSync(folder).filter((entry) => entry.startsWith(name))).toEqual([]);
  });

  test("under the inputs of a layer says that they are not complete", async () => {
    expectFull(await limited(8, "fusebert verify --write-inputs inputs"), /now is not complete: make room/);
  });
});
