/**
 * Inputs of the command are limited while they are read, so that an endless one does not fill the memory, and waiting for
 * one can be interrupted.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InputError } from "../src/errors.ts";
import { readFileBytes } from "../src/files/read-bytes.ts";
import { type CommandResult, runShell } from "./support/command.ts";
import { repositoryRoot } from "./support/golden.ts";

const squad = `${repositoryRoot}test/fixtures/squad/sample-v1.1.json`;
const small = { bytes: 3_000_000, reason: "for this test" };

let folder: string;
let server: Server;
const file = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fusebert-reading-"));
  mkdirSync(file("folder"));
  writeFileSync(file("packed.json.gz"), gzipSync("{}"));
  server = createServer().listen(file("socket"));
  await new Promise((resolve) => server.once("listening", resolve));
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

function expectRefused({ code, stdout, stderr }: CommandResult, says: RegExp): void {
  expect(stderr).toMatch(says);
  expect(stderr).toMatch(/^fusebert: [^\n]+\n$/);
  expect(stdout).toBe("");
  expect(code).toBe(2);
}

describe.skipIf(process.platform !== "linux")("an input that is endless or not a file", () => {
  test.each<[string, string, RegExp]>([
    ["a device of zeros as a text", "fusebert answer Who? --context /dev/zero", /zero has a NUL byte at offset 0/],
    ["a device of noise as a text", "fusebert answer Who? --context /dev/urandom", /urandom (has a NUL|is not UTF-8)/],
    ["zeros on standard input", "fusebert answer Who? < /dev/zero", /standard input has a NUL byte at offset 0/],
    ["zeros as a data set", "fusebert evaluate squad /dev/zero", /zero has a NUL byte at offset 0/],
    ["zeros as predictions", `fusebert evaluate squad '${squad}' --score-only /dev/zero`, /zero has a NUL byte/],
    ["zeros as a text to verify on", "fusebert verify --context /dev/zero", /zero has a NUL byte at offset 0/],
    ["zeros as a dump", "fusebert verify --candidate /dev/zero", /zero is not a file/],
    ["zeros as a dump's inputs", "fusebert verify --candidate souffle --inputs /dev/zero", /--inputs is given without/],
    ["a device without content", "fusebert answer Who? --context /dev/null", /null is empty/],
    ["a folder on standard input", "fusebert answer Who? < /tmp", /standard input is a folder; expected a text file/],
    ["standard input twice", "echo x | fusebert answer Who? -c - -c -", /standard input is named twice/],
  ])("%s", async (_, script, says) => {
    expectRefused(await runShell(script), says);
  });

  test("a folder and a socket as a text", async () => {
    expectRefused(await runShell(`fusebert answer Who? --context '${file("folder")}'`), /folder is a folder; expected/);
    expectRefused(await runShell(`fusebert answer Who? --context '${file("socket")}'`), /socket is a socket; expected/);
  });

  test("an endless text is rejected at the longest possible length", async () => {
    expectRefused(
      await runShell("yes | fusebert answer Who?"),
      /standard input has more than \d+ bytes; expected at most \d+, the longest text JavaScript can hold\. Split it/,
    );
  });
});

describe.skipIf(process.platform !== "linux")("pipes are read like files", () => {
  test("process substitution, as text and as compressed data", async () => {
    const answered = await runShell('fusebert answer "Who wrote it?" --context <(echo "Mary wrote it.")');
    expect(answered).toMatchObject({ code: 0, stderr: "" });
    expect(answered.stdout).toMatch(/^Mary\n[\s\S]*\/dev\/fd\/\d+:1 /);
    const scored = await runShell(
      `fusebert evaluate squad <(gzip < '${squad}') --score-only <(cat '${file("packed.json.gz")}')`,
    );
    expect(scored.stderr).toContain("has no prediction for any question of the data set");
  });

  test("a named pipe whose writer comes late and writes in pieces", async () => {
    spawnSync("mkfifo", [file("late")]);
    const script = `(sleep 0.5; printf 'Mary '; sleep 0.3; echo 'wrote it.') > '${file("late")}' &
fusebert answer "Who wrote it?" --context '${file("late")}'`;
    const { code, stdout } = await runShell(script);
    expect(stdout).toContain("[[Mary]] wrote it.");
    expect(code).toBe(0);
  });
});

describe.skipIf(process.platform !== "linux")("the reader", () => {
  const options = { limit: small, expected: "a test's file" };

  test("limits files that report no size", async () => {
    const reading = readFileBytes("/dev/zero", options);
    await expect(reading).rejects.toThrow(/zero has more than 3000000 bytes; expected at most 3000000, for this test/);
    await expect(reading).rejects.toThrow(InputError);
    expect((await readFileBytes("/proc/self/status", options)).length).toBeGreaterThan(100);
  });

  test("rejects a file by its size before reading it", async () => {
    writeFileSync(file("large"), Buffer.alloc(small.bytes + 1));
    const inspect = () => expect.unreachable("a piece was read");
    await expect(readFileBytes(file("large"), { ...options, inspect })).rejects.toThrow(/has 3000001 bytes/);
    writeFileSync(file("fits"), Buffer.alloc(small.bytes));
    expect(await readFileBytes(file("fits"), options)).toHaveLength(small.bytes);
  });

  test("rejects with the signal's reason, also while a pipe has no writer", async () => {
    spawnSync("mkfifo", [file("silent")]);
    const controller = new AbortController();
    const reading = readFileBytes(file("silent"), { ...options, signal: controller.signal });
    const reason = new Error("enough");
    setTimeout(() => controller.abort(reason), 20);
    await expect(reading).rejects.toBe(reason);
    await expect(readFileBytes(file("fits"), { ...options, signal: controller.signal })).rejects.toBe(reason);
  });

  test("rejects pipes with ordinaryOnly", async () => {
    await expect(readFileBytes(file("silent"), { ...options, ordinaryOnly: true })).rejects.toThrow(
      /not an ordinary file/,
    );
  });
});
