/**
 * Ctrl-C and other signals end every wait of the command, with the documented exit code and the terminal's settings unchanged.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runShell, startCommand } from "./support/command.ts";
import { repositoryRoot } from "./support/golden.ts";
import { runOnTerminal, terminalMissing } from "./support/terminal.ts";

const codes = [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const;
const passage = "Frankenstein is an 1818 novel written by English author Mary Shelley.\n";
const squad = `${repositoryRoot}test/fixtures/squad/sample-v1.1.json`;

let folder: string;
let pipe: string;
const file = (name: string) => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fusebert-stopping-"));
  pipe = file("pipe");
  spawnSync("mkfifo", [pipe]);
  writeFileSync(file("long.txt"), passage.repeat(20_000));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Waits until a process has a file open. */
async function untilOpen(pid: number | undefined, path: string): Promise<void> {
  const opened = (): string[] =>
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return "";
      }
    });
  while (!opened().includes(path)) await sleep(10);
}

test("Ctrl-C during a computation that blocks the event loop gives the signal's exit code", async () => {
  const { child, ended } = startCommand(["explain", "--level", "O0", "--all-layers", "--json"]);
  // It may be loading, computing or printing by then.
  setTimeout(() => child.kill("SIGINT"), 250);
  expect((await ended).code).toBe(130);
});

test.each(["answer", "verify", "evaluate", "explain", "export", "tune"])(
  "%s --help lists its exit codes",
  async (command) => {
    const { stdout } = await runShell(`fusebert ${command} --help`);
    expect(stdout).toMatch(
      /\nExit codes: 0 .*, 2 wrong usage or input, 3 failure,\n129, 130, 143 ended by a signal\.\n+$/,
    );
  },
);

describe.skipIf(process.platform !== "linux")("an endless wait ends", () => {
  test.each(codes)("on %s while standard input is open", async (signal, code) => {
    const { child, ended } = startCommand(["answer", "Who wrote it?"]);
    // More than the pipe's buffer: the command is reading when all of it is written.
    await new Promise((resolve) => child.stdin.write(passage.repeat(10_000), resolve));
    child.kill(signal);
    expect(await ended).toEqual({ code, stdout: "", stderr: "fusebert: interrupted.\n" });
  });

  test.each(codes)("on %s while a named pipe has no writer", async (signal, code) => {
    const { child, ended } = startCommand(["answer", "Who wrote it?", "--context", pipe]);
    await untilOpen(child.pid, pipe);
    child.kill(signal);
    expect(await ended).toEqual({ code, stdout: "", stderr: "fusebert: interrupted.\n" });
  });

  test("on Ctrl-C while a data set is read from a pipe", async () => {
    const { child, ended } = startCommand(["evaluate", "squad", squad, "--score-only", pipe]);
    await untilOpen(child.pid, pipe);
    child.kill("SIGINT");
    expect(await ended).toEqual({ code: 130, stdout: "", stderr: "fusebert: interrupted.\n" });
  });

  test("on Ctrl-C while a hub does not respond", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    const asked = new Promise((resolve) => server.once("request", resolve));
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    const env = { HF_ENDPOINT: `http://127.0.0.1:${port}`, HF_HOME: file("hub"), HF_HUB_OFFLINE: "", HF_TOKEN: "" };
    const stop = { when: asked, signal: "SIGINT" } as const;
    const { ended } = startCommand(["answer", "Who?", "--text", passage, "--model", "someone/model"], { env, stop });
    expect(await ended).toEqual({ code: 130, stdout: "", stderr: "fusebert: interrupted.\n" });
    server.closeAllConnections();
    server.close();
  });

  test("on Ctrl-C while the output is not read", async () => {
    // Larger than the pipe's buffer; one byte is read.
    const start = `exec 3<> '${pipe}'; "\${command[@]}" explain --json --all-layers >&3 &`;
    const script = `${start} read -n 1 -u 3; kill -INT $!; wait $!`;
    expect(await runShell(script)).toEqual({ code: 130, stdout: "", stderr: "fusebert: interrupted.\n" });
  });
});

/** Codes that change the terminal's settings: cursor, line wrapping, alternate screen. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the test looks for control characters.
const settings = /\u001b\[\?\d+[hl]/;

describe.skipIf(terminalMissing !== undefined)("on a terminal", () => {
  test("the first Ctrl-C ends the wait for typed text", async () => {
    const { code, screen } = await runOnTerminal(["answer", "Who?"], { after: /press Ctrl-D/, press: "\x03" });
    expect(screen).toMatch(/\^Cfusebert: interrupted\.\r\n$/);
    expect(code).toBe(130);
  });

  test.each([
    ["Ctrl-C", "\x03", 130],
    ["SIGTERM", "SIGTERM", 143],
    ["SIGHUP", "SIGHUP", 129],
  ])("%s removes a progress bar, and the terminal's settings are unchanged", async (_, press, code) => {
    const args = ["answer", "Who wrote it?", "--context", file("long.txt")];
    const result = await runOnTerminal(args, { after: /Answering .*%/, press });
    expect(result.screen).not.toMatch(settings);
    const lastLine = result.screen.trimEnd().split("\n").at(-1);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a line that is cleared before it is written.
    expect(lastLine).toMatch(/\u001b\[[02]?[JK][^█░]*fusebert: interrupted\.$/);
    expect(result.code).toBe(code);
  });

  test("an interrupted evaluation without a journal says that its answers are lost", async () => {
    const model = `${repositoryRoot}models/builtin`;
    const question = { question: "Who wrote it?", answers: [{ text: "Mary Shelley" }] };
    const qas = Array.from({ length: 5000 }, (_, id) => ({ ...question, id: `${id}` }));
    writeFileSync(file("squad.json"), JSON.stringify({ data: [{ paragraphs: [{ context: passage, qas }] }] }));
    const args = ["evaluate", "squad", file("squad.json"), "--model", model];
    const { code, screen } = await runOnTerminal(args, { after: /Evaluating .*%/, press: "\x03" });
    expect(screen).toMatch(/of 5000 questions were answered and are lost; with --predictions they would be kept\./);
    expect(screen).not.toMatch(settings);
    expect(code).toBe(130);
  });
});
