/**
 * Control codes in files and names from outside never reach the terminal, and every message is short.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CommandResult, runCommand } from "./support/command.ts";
import { builtInFolder } from "./support/golden.ts";

/** A title, a bell, C1's CSI, colours, an override of direction, an isolate, a line separator, DEL, a next line. */
const hostile = "a\u001b]0;owned\u0007\u009b31m\u001b[2J\u202egnp.\u2066\u2028\u007f\u0085\u061cz";
/** The same, escaped for a terminal. */
const visible = "a\\u001b]0;owned\\u0007\\u009b31m\\u001b[2J\\u202egnp.\\u2066\\u2028\\u007f\\u0085\\u061cz";
const long = `b${"\u001bx".repeat(100_000)}`;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the test looks for control characters.
const commanding = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

const passage = `Frankenstein is a novel written by Mary Shelley.${hostile} It is set in Geneva.`;
const squad = (id: string) => ({
  data: [{ paragraphs: [{ context: passage, qas: [{ id, question: "Who wrote it?", answers: [{ text: "Mary" }] }] }] }],
});

let folder: string;
const file = (name: string, content: unknown = ""): string => {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
};

/** The built-in model with one of its files changed. */
function model(name: string, path: string, change: (content: string) => string): string {
  const copy = join(folder, name);
  cpSync(builtInFolder, copy, { recursive: true });
  const encoding = path.endsWith("safetensors") ? "latin1" : "utf8";
  writeFileSync(join(copy, path), change(readFileSync(join(copy, path), encoding)), encoding);
  return copy;
}

const withConfig = (name: string, changes: object): string =>
  model(name, "config.json", (json) => JSON.stringify({ ...JSON.parse(json), ...changes }));

/** Replaces one tensor's name by another of as many bytes. */
const withTensor = (name: string, tensor: string): string =>
  model(name, "model.safetensors", (bytes) => {
    const known = /"([\w.]*qa_outputs\.weight)"/.exec(bytes)?.[1] ?? "";
    return bytes.replace(
      known,
      JSON.stringify(tensor.padEnd(known.length, "_").slice(0, known.length)).slice(1, -1).slice(0, known.length),
    );
  });

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fusebert-hostile-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const answer = (...more: string[]): string[] => ["answer", "Who wrote it?", ...more];

/** The command's arguments for each way in which a string can reach a message. */
const inputs: Readonly<Record<string, (text: string) => string[]>> = {
  "a field of config.json": (text) => answer("--text", "x", "--model", withConfig("config", { hidden_act: text })),
  "the kind in config.json": (text) => answer("--text", "x", "--model", withConfig("kind", { model_type: text })),
  "a key that stands twice": (text) =>
    answer(
      "--text",
      "x",
      "--model",
      model("twice", "config.json", () => `{${JSON.stringify(text)}:1,${JSON.stringify(text)}:2}`),
    ),
  "a config that is no JSON": (text) =>
    answer(
      "--text",
      "x",
      "--model",
      model("no-json", "config.json", () => text),
    ),
  "a tensor's name": (text) => answer("--text", "x", "--model", withTensor("tensor", text)),
  "a token": (text) =>
    answer(
      "--text",
      "x",
      "--model",
      model("token", "tokenizer.json", (json) => {
        const tokenizer = JSON.parse(json);
        tokenizer.model.vocab[text] = "none";
        return JSON.stringify(tokenizer);
      }),
    ),
  "the id of a question that is wrong": (text) => {
    const { data } = squad(text);
    return ["evaluate", "squad", file("wrong.json", { data: [...data, ...data] })];
  },
  "the ids of predictions": (text) => [
    "evaluate",
    "squad",
    file("squad.json", squad("1")),
    "--score-only",
    file("p.json", { 1: "Mary", [text]: "x", [`${text}2`]: "x" }),
  ],
  "the id of a question without prediction": (text) => {
    const both = [...squad("1").data, ...squad(text).data];
    return ["evaluate", "squad", file("squad.json", { data: both }), "--score-only", file("p.json", { 1: "Mary" })];
  },
  "a path that is not there": (text) => answer("--context", join(folder, text.slice(0, 60_000))),
  "a model that cannot be": (text) => answer("--text", "x", "--model", `./${text.slice(0, 60_000)}`),
  "a model on the hub": (text) => answer("--text", "x", "--model", `someone/${text.slice(0, 60_000)}`),
  "a revision": (text) => answer("--text", "x", "--model", ".", "--revision", text.slice(0, 60_000)),
  "an option": (text) => answer("--text", "x", `--${text.slice(0, 60_000)}`),
  "a value of an option": (text) => answer("--text", "x", "--top-k", text.slice(0, 60_000)),
  "a dump": (text) => ["verify", "--candidate", text.slice(0, 60_000)],
  "a layer": (text) => ["verify", "--layer", text.slice(0, 60_000)],
  "a folder to write": (text) => ["export", "--onnx", `/dev/null/${text.slice(0, 60_000)}`],
};

function expectTame({ stdout, stderr }: CommandResult): void {
  expect(stdout).not.toMatch(commanding);
  expect(stderr).not.toMatch(commanding);
  expect(stderr).not.toMatch(/defect in fusebert/);
  for (const line of stderr.split("\n")) expect(Buffer.byteLength(line)).toBeLessThan(1500);
}

describe.each(Object.keys(inputs))("%s", (input) => {
  const argsFor = inputs[input] as (text: string) => string[];
  const env = () => ({ HF_HUB_OFFLINE: "1", HF_HOME: join(folder, "cache") });

  test("with control codes is shown escaped, with and without --json", async () => {
    const args = argsFor(hostile);
    const plain = await runCommand(args, { env: env() });
    expectTame(plain);
    expect(plain.code).not.toBe(null);
    if (args[0] !== "verify" && args[0] !== "export") expectTame(await runCommand([...args, "--json"], { env: env() }));
  });

  test("of 200,000 bytes gives a short message", async () => {
    const result = await runCommand(argsFor(long), { env: env() });
    expectTame(result);
    expect(result.stdout.length).toBeLessThan(5000);
  });
});

describe("the output is free of control codes", () => {
  test("for a file, a model and a question with hostile names", async () => {
    const place = join(folder, hostile.replaceAll("/", ""));
    mkdirSync(place, { recursive: true });
    cpSync(builtInFolder, join(place, "model"), { recursive: true });
    const text = join(place, "text");
    writeFileSync(text, passage);
    const args = ["answer", `Who${hostile} wrote the novel?`, "--context", text, "--model", join(place, "model")];
    const asText = await runCommand(args);
    expectTame(asText);
    expect(asText.stdout).toContain(`${visible}/text:1 `);
    // The excerpt keeps the text and not its controls.
    expect(asText.stdout).toContain(" is a novel written by Mary Shelley.a]0;owned31m[2Jgnp.");
    const asJson = await runCommand([...args, "--json"]);
    expectTame(asJson);
    const report = JSON.parse(asJson.stdout);
    expect(report.question).toBe(args[1]);
    expect(report.answers[0].source).toBe(text);
    expect(report.model).toBe(join(place, "model"));
    const explained = await runCommand(["explain", "--model", join(place, "model")]);
    expectTame(explained);
    expect(explained.code).toBe(0);
    const written = await runCommand(["verify", "--write-inputs", join(place, "inputs")]);
    expectTame(written);
    expect(written.stdout).toContain(`${visible}/inputs/dump.py`);
  });

  test("and an answer of megabytes is shortened in text and complete in JSON", async () => {
    const text = "\u0634".repeat(3_000_000);
    const path = file("word.txt", text);
    const asText = await runCommand(["answer", "What?", "--context", path]);
    expect(asText.code).toBe(0);
    expect(asText.stdout.length).toBeLessThan(2000);
    expect(asText.stdout).toContain("…");
    const asJson = await runCommand(["answer", "What?", "--context", path, "--json"]);
    expect(JSON.parse(asJson.stdout).answers[0].text).toBe(text);
  });

  test("for an evaluation with hostile ids and file names", async () => {
    const data = file(`${hostile}.json`, squad(hostile));
    const predictions = join(folder, "made.json");
    const asText = await runCommand(["evaluate", "squad", data, "--predictions", predictions]);
    expectTame(asText);
    expect(asText.code).toBe(0);
    expect(asText.stdout).toContain(visible);
    const content = readFileSync(predictions, "utf8");
    expect(content).not.toMatch(commanding);
    expect(Object.keys(JSON.parse(content))).toEqual([hostile]);
    expectTame(await runCommand(["evaluate", "squad", data, "--score-only", predictions, "--json"]));
  });
});
