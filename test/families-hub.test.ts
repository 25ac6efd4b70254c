/**
 * README's command for each model family, as printed, end to end: the built command, and a hub on this computer that
 * serves a tiny checkpoint of the family under the id of the command.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { modelTypes } from "../src/architectures/index.ts";
import type { AnswerReport } from "../src/cli/answer/render.ts";
import { runShell } from "./support/command.ts";
import { repositoryRoot, required } from "./support/golden.ts";
import { type HubServer, startHubServer } from "./support/hub-server.ts";
import { smallRepository } from "./support/small-families.ts";

const passage = "Frankenstein is an 1818 novel written by English author Mary Shelley.\n";

/** The rows of README's table: `model_type` and the command. */
const rows = [
  ...readFileSync(join(repositoryRoot, "README.md"), "utf8").matchAll(
    /^\| [^|]+ \| `(?<type>[\w-]+)` +\| `(?<command>fusebert answer .* --model (?<repo>[\w./-]+))` +\|$/gm,
  ),
].map(({ groups }) => ({
  type: required(groups?.["type"]),
  command: required(groups?.["command"]),
  repo: required(groups?.["repo"]),
}));

let hub: HubServer;
let home: string;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "fusebert-families-"));
  writeFileSync(join(home, "book.txt"), passage);
  hub = await startHubServer({
    repos: await Promise.all(
      rows.map(async ({ type, repo }) => ({ name: repo, revisions: { main: await smallRepository(type) } })),
    ),
  });
});
afterAll(async () => {
  await hub.close();
  rmSync(home, { recursive: true, force: true });
});

test("README has a command for every model type", () => {
  expect(rows.map(({ type }) => type)).toEqual(modelTypes);
});

describe.skipIf(process.platform === "win32").each(rows)("$command", ({ command, repo }) => {
  test("answers with a piece of the text", async () => {
    const clean = { HF_HUB_CACHE: "", HUGGINGFACE_HUB_CACHE: "", HF_TOKEN: "", HF_HUB_OFFLINE: "" };
    const { code, stdout, stderr } = await runShell(`cd '${home}'\n${command} --json`, {
      ...clean,
      HF_ENDPOINT: hub.url,
      HF_HOME: join(home, "hub"),
    });
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const { model, answers } = JSON.parse(stdout) as AnswerReport;
    expect(model).toBe(repo);
    const answer = required(answers[0]);
    expect(answer.text).not.toBe("");
    expect(answer.text).toBe(passage.slice(answer.start, answer.end));
  });
});
