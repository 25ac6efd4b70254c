/**
 * `fusebert answer` as users and scripts run it: output, exit codes, and errors for bad input.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AnswerReport } from "../src/cli/answer/render.ts";
import { runCommand } from "./support/command.ts";
import { builtInFolder, readGoldenJson, required } from "./support/golden.ts";
import { novel } from "./support/novel.ts";
import { writeSmallModel } from "./support/small-model.ts";
import { softwareGpuMissing } from "./support/software-gpu.ts";

const question = "Who wrote the novel?";
const passage = "Frankenstein is an 1818 novel written by English author Mary Shelley.\nIt is set in Geneva.";
const unrelated = "The tramway was electrified in 1897. Its depot stands beside the harbour, where the rails end.";

let folder: string;
const file = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-command-"));
  await writeFile(file("novel.txt"), passage);
  await writeFile(file("tram.txt"), unrelated);
});
afterAll(() => rm(folder, { recursive: true }));

describe("answers", () => {
  test("from a file are shown in their sentence, with offsets and score", async () => {
    const { code, stdout, stderr } = await runCommand(["answer", question, "--context", file("novel.txt")]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Mary Shelley\n/);
    expect(stdout).toContain("written by English author [[Mary Shelley]].");
    expect(stdout).toMatch(/novel\.txt:1 {2}characters 56 to 68 {2}score 0\.\d{3}/);
  });

  test("come from standard input with --context - and without --context", async () => {
    for (const args of [
      ["answer", question, "--context", "-"],
      ["answer", question],
    ]) {
      const { code, stdout } = await runCommand(args, { stdin: passage });
      expect(code).toBe(0);
      expect(stdout).toContain("stdin:1");
    }
  });

  test("as JSON are one object with every documented field, and no other output", async () => {
    const args = [
      "answer",
      question,
      "--context",
      file("tram.txt"),
      "--context",
      file("novel.txt"),
      "--top-k",
      "2",
      "--json",
    ];
    const { code, stdout, stderr } = await runCommand(args);
    expect(code).toBe(0);
    expect(stderr).toBe("");
    const report = JSON.parse(stdout) as AnswerReport;
    expect(stdout).toBe(`${JSON.stringify(report)}\n`);
    expect(Object.keys(report)).toEqual([
      "question",
      "model",
      "device",
      "computedBy",
      "offsetUnit",
      "answers",
      "noAnswerScore",
      "noAnswerThreshold",
      "windows",
      "timing",
    ]);
    expect(report).toMatchObject({ question, model: "built-in", device: "cpu", windows: 2 });
    expect(report.computedBy).toBe("cpu: ONNX Runtime, f32");
    expect(report.answers).toHaveLength(2);
    expect(report.answers[0]).toMatchObject({ text: "Mary Shelley", start: 56, end: 68, source: file("novel.txt") });
    expect(report.offsetUnit).toBe("utf-16");
    expect(report.answers[0]).toMatchObject({ line: 1, excerpt: { text: passage.split("\n")[0], start: 56, end: 68 } });
    const fields = ["text", "score", "start", "end", "source", "line", "excerpt"];
    expect(Object.keys(report.answers[0] ?? {})).toEqual(fields);
    expect(report.timing.loadMs).toBeGreaterThan(0);
    expect(report.timing.answerMs).toBeGreaterThan(0);
  });

  test("are empty, with exit code 1, when no answer is found and --allow-no-answer is given", async () => {
    const args = ["answer", "Who discovered penicillin?", "--text", unrelated, "--allow-no-answer"];
    const asText = await runCommand(args);
    expect(asText).toEqual({ code: 1, stdout: "No answer found.\n", stderr: "" });
    const asJson = await runCommand([...args, "--json"]);
    expect(asJson.code).toBe(1);
    expect(JSON.parse(asJson.stdout)).toMatchObject({ answers: [] });
    const byLogits = await runCommand([...args, "--scoring", "logits", "--json"]);
    expect(byLogits.code).toBe(1);
    expect(JSON.parse(byLogits.stdout)).toMatchObject({ answers: [], noAnswerScore: 0 });
    const lenient = await runCommand([...args, "--scoring", "logits", "--no-answer-threshold", "-1000"]);
    expect(lenient.code).toBe(0);
  });

  test("are those above the model's threshold, or the one that is given", async () => {
    const golden = await readGoldenJson<{ id: string; question: string; context: string }[]>("model/answers.json");
    // Its golden scores make the sum of logits -0.748, between the two thresholds.
    const asked = required(golden.find(({ id }) => id === "5727e0474b864d1900163f08"));
    const args = [
      "answer",
      asked.question,
      "--text",
      asked.context,
      "--allow-no-answer",
      "--scoring",
      "logits",
      "--json",
    ];
    const byDefault = await runCommand(args);
    expect(byDefault.code).toBe(0);
    const { answers, noAnswerThreshold } = JSON.parse(byDefault.stdout) as AnswerReport;
    expect([answers[0]?.text, noAnswerThreshold]).toEqual(["Conan O'Brien", -2]);
    expect(answers[0]?.score).toBeCloseTo(-0.748, 3);
    const strict = await runCommand([...args, "--no-answer-threshold", "0"]);
    expect(strict.code).toBe(1);
    expect(JSON.parse(strict.stdout)).toMatchObject({ answers: [], noAnswerThreshold: 0 });
  });

  test("come from a model in a folder, on the reference device", async () => {
    const args = ["answer", question, "--text", passage, "--model", builtInFolder, "--device", "reference", "--json"];
    const { code, stdout } = await runCommand(args);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ device: "reference", model: builtInFolder });
    expect((JSON.parse(stdout) as AnswerReport).answers[0]?.text).toBe("Mary Shelley");
  });

  test("are the same with one thread", async () => {
    const { code, stdout } = await runCommand(["answer", question, "--text", passage, "--threads", "1"]);
    expect(code).toBe(0);
    expect(stdout).toContain("Mary Shelley");
  });
});

describe("an error is reported in one line", () => {
  interface Fault {
    readonly args: readonly string[];
    readonly says: RegExp;
    readonly code?: number;
    readonly content?: string | Uint8Array;
  }
  const withText = ["answer", question, "--text", passage];
  const bad = () => file("bad.txt");
  const faults: Readonly<Record<string, () => Fault>> = {
    "no command": () => ({ args: [], says: /Usage: fusebert/ }),
    "an unknown command": () => ({ args: ["anwser"], says: /unknown command 'anwser'[\s\S]*Did you mean answer/ }),
    "no question": () => ({ args: ["answer"], says: /missing required argument 'question'/ }),
    "an unknown option": () => ({ args: [...withText, "--topk", "3"], says: /unknown option '--topk'[\s\S]*--top-k/ }),
    "an empty question": () => ({ args: ["answer", " ", "--text", passage], says: /question is empty/ }),
    "top-k 0": () => ({ args: [...withText, "--top-k", "0"], says: /whole number of at least 1/ }),
    "a negative top-k": () => ({ args: [...withText, "--top-k", "-3"], says: /whole number of at least 1/ }),
    "a top-k that is no number": () => ({ args: [...withText, "--top-k", "many"], says: /whole number of at least 1/ }),
    "a fractional length": () => ({ args: [...withText, "--max-answer-length", "1.5"], says: /whole number/ }),
    "a threshold without effect": () => ({
      args: [...withText, "--no-answer-threshold", "1"],
      says: /--allow-no-answer/,
    }),
    "a threshold that is no number": () => ({
      args: [...withText, "--no-answer-threshold", "high"],
      says: /Expected a number/,
    }),
    "an unknown device": () => ({
      args: [...withText, "--device", "tpu"],
      says: /Allowed choices are auto, cpu, wasm, webgpu, reference/,
    }),
    "a sequence longer than the model's": () => ({
      args: [...withText, "--max-sequence-length", "1000"],
      says: /--max-sequence-length is 1000; expected at most 512/,
    }),
    "a stride that leaves no room": () => ({
      args: [...withText, "--max-sequence-length", "40", "--doc-stride", "35"],
      says: /35/,
    }),
    "a question that is too long": () => ({
      args: ["answer", "why ".repeat(80), "--text", passage],
      says: /question has 80 tokens; expected at most 64 \(--max-question-length\)/,
    }),
    "a file that is missing": () => ({
      args: ["answer", question, "--context", file("gone.txt")],
      says: /gone\.txt does not exist/,
    }),
    "a folder as a file": () => ({
      args: ["answer", question, "--context", folder],
      says: /is a folder; expected a text file/,
    }),
    "an empty file": () => ({
      args: ["answer", question, "--context", bad()],
      content: " \n\n",
      says: /bad\.txt is empty/,
    }),
    "an empty standard input": () => ({ args: ["answer", question], says: /standard input is empty/ }),
    "a Latin-1 file": () => ({
      args: ["answer", question, "--context", bad()],
      content: Uint8Array.of(0x63, 0x61, 0x66, 0xe9, 0x20, 0x61, 0x62),
      says: /not UTF-8: byte 0xe9 at offset 3.*iconv/,
    }),
    "a binary file": () => ({
      args: ["answer", question, "--context", bad()],
      content: Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0),
      says: /NUL byte at offset 7/,
    }),
    "a UTF-16 file": () => ({
      args: ["answer", question, "--context", bad()],
      content: Buffer.from("\ufeffMary wrote it", "utf16le"),
      says: /is UTF-16; expected text in UTF-8/,
    }),
    "a model folder that is missing": () => ({
      args: [...withText, "--model", "./nowhere"],
      says: /nowhere does not exist/,
    }),
    "a model folder without a model": () => ({ args: [...withText, "--model", folder], says: /no config\.json/ }),
    "a model id that cannot be one": () => ({ args: [...withText, "--model", "a/b/c"], says: /a\/b\/c/ }),
    "a revision of a folder": () => ({
      args: [...withText, "--model", builtInFolder, "--revision", "v1"],
      says: /revision/,
    }),
    "no network": () => ({ args: [...withText, "--model", "someone/some-model"], says: /some-model/, code: 3 }),
  };

  test.each(Object.keys(faults))("%s", async (name) => {
    const { args, says, code = 2, content } = (faults[name] as () => Fault)();
    if (content !== undefined) await writeFile(bad(), content);
    const offline = { HF_HUB_OFFLINE: "1", HF_HOME: join(folder, "cache") };
    const result = await runCommand(args, { env: offline });
    expect(result.stderr).toMatch(says);
    expect(result.stdout).toBe("");
    expect(result.code).toBe(code);
    expect(result.stderr).not.toMatch(/^\s+at /m);
    if (name !== "no command") expect(result.stderr.trimEnd().split("\n").length).toBeLessThanOrEqual(2);
  });
});

test("--help and --version print help and version", async () => {
  const help = await runCommand(["answer", "--help"]);
  expect(help.code).toBe(0);
  expect(help.stdout).toContain("Exit codes: 0 answered, 1 no answer found");
  expect(help.stdout).toContain("--no-answer-threshold <x>");
  expect((await runCommand(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test("output of a library does not reach standard output", async () => {
  const noisy = new URL("support/noisy-runtime.mjs", import.meta.url).href;
  const args = ["answer", question, "--text", passage, "--json"];
  const { stdout, stderr } = await runCommand(args, { nodeArgs: ["--import", noisy] });
  const report = JSON.parse(stdout) as AnswerReport;
  expect(report.answers[0]?.text).toBe("Mary Shelley");
  expect(stderr).toBe("noise\nnoise\n");
});

test("a text of ten megabytes needs little more memory than its own size", async () => {
  const model = await writeSmallModel(file("small-model"));
  const text = await novel(10_000_000);
  const args = ["answer", question, "--model", model, "--json"];
  const result = await runCommand(args, { stdin: text, nodeArgs: ["--max-old-space-size=96"] });
  expect(result.stderr).toBe("");
  expect(result.code).toBe(0);
  const { windows, answers } = JSON.parse(result.stdout) as AnswerReport;
  expect(windows).toBeGreaterThan(8000);
  const { start, end, text: answer } = answers[0] ?? { start: 0, end: 0, text: "none" };
  expect(text.slice(start, end)).toBe(answer);
});

test("the demo answers every question correctly, and names its engine", async () => {
  const { code, stdout } = await runCommand(["demo"]);
  expect(stdout).toMatch(/^The built-in model on cpu: ONNX Runtime, f32, loaded in \d+ ms\.\n/);
  expect(stdout).not.toContain("expected:");
  expect(stdout).toMatch(/[2-9] windows/);
  expect(stdout).toContain("The text does not say.");
  expect(stdout).toContain("[[Łódź]]");
  expect(code).toBe(0);
});

test("the demo rejects GPU options on the CPU", async () => {
  const refused = await runCommand(["demo", "--device", "cpu", "--precision", "f32", "--level", "O3"]);
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toContain("precision is given, and the device is cpu; expected the device webgpu");
});

test.skipIf(softwareGpuMissing !== undefined)("on a GPU, the output names adapter, precision and level", async () => {
  const model = await writeSmallModel(file("gpu-model"));
  const gpu = ["--device", "webgpu", "--precision", "f16-storage", "--level", "O2", "--skip-self-test"];
  const args = ["answer", question, "--text", passage, "--model", model, ...gpu];
  const { code, stdout, stderr } = await runCommand(args);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toMatch(/score \S+\n\ncomputed by webgpu: .*swiftshader.*, f16-storage, O2\n$/i);
});
