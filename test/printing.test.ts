/**
 * Output that is not written completely is an error; a failure of standard error changes nothing.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runShell } from "./support/command.ts";
import { repositoryRoot } from "./support/golden.ts";

const squad = `${repositoryRoot}test/fixtures/squad/sample-v1.1.json`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fusebert-printing-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(process.platform !== "linux")(
  "on a full device every command fails with one line and exit code 3",
  () => {
    test.each([
      ["answer", 'answer "Who wrote it?" --text "Mary wrote it."'],
      ["answer, as JSON", 'answer "Who wrote it?" --text "Mary wrote it." --json'],
      ["answer, without an answer", 'answer "Who discovered penicillin?" --text "The depot is old." --allow-no-answer'],
      ["evaluate", `evaluate squad '${squad}' --limit 1`],
      ["explain", "explain --json"],
      ["verify", "verify --candidate souffle"],
      ["export", 'export --onnx "$FOLDER/exported" --force'],
      ["demo", "demo"],
      ["the help", "--help"],
      ["a command's help", "verify --help"],
      ["the version", "--version"],
    ])("%s", async (_, command) => {
      const { code, stderr } = await runShell(`fusebert ${command} > /dev/full`, { FOLDER: folder });
      expect(stderr).toMatch(
        /^fusebert: standard output cannot be written \(ENOSPC: [^\n]+\)\. The result is not complete\.\n$/,
      );
      expect(code).toBe(3);
    });
  },
);

test("a partial write to a file is an error", async () => {
  const path = join(folder, "short.json");
  const { code, stderr } = await runShell(`ulimit -f 8; fusebert explain --json --all-layers > '${path}'`);
  expect(stderr).toMatch(/^fusebert: standard output cannot be written \(EFBIG/);
  expect(code).toBe(3);
  expect(statSync(path).size).toBeLessThanOrEqual(16_384);
});

test("a reader that closes the pipe is no error, and a slow one gets everything", async () => {
  const explain = "fusebert explain --json --all-layers";
  const enough = await runShell(`${explain} | head -1; exit \${PIPESTATUS[0]}`);
  expect(enough).toEqual({ code: 0, stdout: "{\n", stderr: "" });
  const [slow, file] = await Promise.all([
    runShell(`${explain} | (sleep 1; cat)`),
    runShell(`${explain} > '${join(folder, "whole.json")}'; cat '${join(folder, "whole.json")}'`),
  ]);
  expect(slow.stdout.length).toBeGreaterThan(80_000);
  expect(slow.stdout).toBe(file.stdout);
});

describe("a standard error that cannot be written changes nothing", () => {
  test.each([
    ["closed", "2>&-"],
    ["full", "2>/dev/full"],
    ["a pipe without a reader", "2> >(true)"],
  ])("%s", async (_, redirection) => {
    const answered = await runShell(`fusebert answer "Who wrote it?" --text "Mary wrote it." ${redirection}`);
    expect(answered.stdout).toMatch(/^Mary\n/);
    expect(answered.code).toBe(0);
    const wrong = await runShell(`fusebert answer Who? --context /none ${redirection}`);
    expect(wrong).toMatchObject({ code: 2, stdout: "" });
    const told = await runShell(
      `echo '{"other":"x"}' > '${folder}/p'; fusebert evaluate squad '${squad}' --score-only '${folder}/p' ${redirection}`,
    );
    expect(told.code).toBe(2);
  });
});
