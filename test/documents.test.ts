/**
 * Runs every command and program of README and docs/ as printed, in order, in an empty folder. The output that a document
 * shows for a command must be what the command prints.
 *
 * A command whose comment says that it `needs a GPU`, `takes minutes` or is `from the registry` is not run.
 */
import { execFile, execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { copyFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commandPath, unhurried } from "./support/command.ts";
import { builtInFolder, repositoryRoot } from "./support/golden.ts";
import { type HubServer, startHubServer } from "./support/hub-server.ts";
import { portCandidate } from "./support/port-candidate.ts";

const documents = ["README.md", ...readdirSync(join(repositoryRoot, "docs")).map((name) => `docs/${name}`)];

interface Block {
  readonly language: string;
  readonly content: string;
}

function blocksOf(document: string): Block[] {
  const text = readFileSync(join(repositoryRoot, document), "utf8");
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = "", content = ""]) => ({
    language,
    content,
  }));
}

interface Step {
  readonly name: string;
  readonly command: string;
  /** The output shown in the document. */
  readonly prints?: string;
  /** Why the command is not run. */
  readonly skipped: string | undefined;
}

/** In a block with `$ `, the other lines are output; in other blocks every line is a command. */
function stepsOf({ language, content }: Block, index: number): Step[] {
  if (language === "ts" || language === "js") {
    // Only complete programs; the others are parts of a reader's program.
    if (!/^import .* from "fusebert/m.test(content)) return [];
    const file = `program-${index}.${language === "ts" ? "mts" : "mjs"}`;
    const run = language === "ts" ? "tsx" : "node";
    const command = `cat > ${file} <<'END'\n${content}END\n${run} ${file}`;
    return [{ name: `${language} program ${index}`, command, skipped: undefined }];
  }
  if (language !== "sh") return [];
  const lines = content.trimEnd().split("\n");
  const shows = lines.some((line) => line.startsWith("$ "));
  const steps: { command: string; prints: string[] }[] = [];
  for (const line of lines) {
    if (!shows) steps.push({ command: line, prints: [] });
    else if (line.startsWith("$ ")) steps.push({ command: line.slice(2), prints: [] });
    else steps.at(-1)?.prints.push(line);
  }
  return steps.map(({ command, prints }) => ({
    name: command.replace(/\s+#.*$/, ""),
    command,
    ...(prints.length > 0 && { prints: prints.join("\n").trim() }),
    skipped: /#.*\b(needs a GPU|takes minutes|from the registry)\b/.exec(command)?.[1] ?? missing(command),
  }));
}

const hasJq = (() => {
  try {
    return execFileSync("jq", ["--version"]).length > 0;
  } catch {
    return false;
  }
})();
const missing = (command: string) => (/\bjq\b/.test(command) && !hasJq ? "no jq on this machine" : undefined);

/** The output shown in a program's comments: `console.log(…); // "Mary Shelley"`, `// { …, score: 0.872…, … }`. */
function shownIn(program: string): string[] {
  return [...program.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].flatMap(([, comment = ""]) => {
    if (/^".*"$/.test(comment)) return [JSON.parse(comment) as string];
    return [...comment.matchAll(/(?:text|score|start|end): (?:"[^"]*"|[\d.]+)/g)].map(([shown]) =>
      shown.replaceAll('"', "'"),
    );
  });
}

let hub: HubServer;
let home: string;

/** Writes scripts for `fusebert`, `tsx` and `npx`, which runs a project's own commands. */
function writeCommands(): void {
  const bin = join(home, "bin");
  mkdirSync(bin);
  const write = (name: string, line: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\nexec ${line} "$@"\n`);
    chmodSync(join(bin, name), 0o755);
  };
  write("fusebert", `"${[process.execPath, ...unhurried, commandPath].join('" "')}"`);
  write("npx", "env --");
  write("tsx", `"${process.execPath}" "${join(repositoryRoot, "node_modules/tsx/dist/cli.mjs")}"`);
}

/** Writes the files that the documents expect: a few questions of SQuAD's files, and the dump of a kernel. */
async function writeFiles(folder: string): Promise<void> {
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  symlinkSync(repositoryRoot, join(folder, "node_modules", "fusebert"));
  for (const kind of ["1.1", "2.0"]) {
    const sample = join(repositoryRoot, `test/fixtures/squad/sample-v${kind}.json`);
    await copyFile(sample, join(folder, `dev-v${kind}.json`));
  }
  writeFileSync(join(folder, "candidate.safetensors"), await portCandidate());
  // README creates this file itself.
  if (!folder.endsWith("README-md")) {
    writeFileSync(join(folder, "book.txt"), "Frankenstein is an 1818 novel written by English author Mary Shelley.\n");
  }
}

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "fusebert-documents-"));
  writeCommands();
  const names = ["MattBoraske/BERT-question-answering-SQuAD", "deepset/bert-base-cased-squad2"];
  hub = await startHubServer({ repos: names.map((name) => ({ name, revisions: { main: builtInFolder } })) });
});
afterAll(async () => {
  await hub.close();
  rmSync(home, { recursive: true, force: true });
});

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function runStep(command: string, cwd: string): Promise<Outcome> {
  const env = {
    ...process.env,
    PATH: `${join(home, "bin")}:${process.env["PATH"]}`,
    NO_COLOR: "1",
    HF_ENDPOINT: hub.url,
    HF_HOME: join(home, "hub"),
  };
  return new Promise((resolve) => {
    const child = execFile("bash", ["-euo", "pipefail", "-c", command], { cwd, env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : 3, stdout, stderr });
    });
    child.stdin?.end();
  });
}

const steps = new Map(documents.map((document) => [document, blocksOf(document).flatMap(stepsOf)] as const));
const withSteps = documents.filter((document) => (steps.get(document) ?? []).length > 0);

/** Fields that differ between runs. */
const timings = new Set(["loadMs", "answerMs"]);

test.skipIf(process.platform === "win32")("README's JSON is what --json prints", async () => {
  const [json] = blocksOf("README.md").filter(({ language }) => language === "json");
  const folder = join(home, "json");
  mkdirSync(folder);
  writeFileSync(join(folder, "book.txt"), "Frankenstein is an 1818 novel written by English author Mary Shelley.\n");
  const { stdout } = await runStep('fusebert answer "Who wrote it?" --context book.txt --json', folder);
  const rounded = (text: string): unknown =>
    JSON.parse(text, (key, value) => {
      if (timings.has(key)) return "some";
      return typeof value === "number" ? Number(value.toPrecision(3)) : value;
    });
  expect(rounded(stdout)).toEqual(rounded(json?.content ?? ""));
});

describe.skipIf(process.platform === "win32").each(withSteps)("%s", (document) => {
  let folder: string;

  beforeAll(async () => {
    folder = join(home, document.replace(/\W/g, "-"));
    await writeFiles(folder);
  });

  for (const { name, command, prints, skipped } of steps.get(document) ?? []) {
    test.skipIf(skipped !== undefined)(`${name}${skipped === undefined ? "" : ` (${skipped})`}`, async () => {
      const { code, stdout, stderr } = await runStep(command, folder);
      expect(code, stderr).toBe(0);
      expect(stderr).not.toMatch(/error|defect/i);
      if (prints !== undefined) expect(stdout.trim()).toBe(prints);
      for (const shown of shownIn(command)) expect(stdout).toContain(shown);
    });
  }
});
