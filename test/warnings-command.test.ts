/** Every command that loads a model says on standard error, once each, what the model's files hold that it ignores. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { QuestionAnswerer } from "../src/index.ts";
import { runCommand } from "./support/command.ts";
import { repositoryRoot } from "./support/golden.ts";
import { writeSmallModel } from "./support/small-model.ts";

let folder: string;
let model: string;
let warnings: string[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fusebert-strange-"));
  model = await writeSmallModel(join(folder, "model"));
  const path = join(model, "config.json");
  const strange = { architectures: ["BertForMaskedLM"], num_labels: 3, quantization_config: { bits: 4 } };
  await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), ...strange }));
  warnings = [
    `${path}: architectures is "BertForMaskedLM", not BertForQuestionAnswering; the question-answering head is used`,
    `${path}: num_labels is 3, which is ignored: a question-answering head has 2, start and end`,
    `${path}: quantization_config is ignored: weights are computed with as they are stored`,
  ];
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each<[string, (folder: string) => string[]]>([
  ["answer", () => ["answer", "Who wrote it?", "--text", "Mary Shelley wrote it.", "--json"]],
  ["evaluate", () => ["evaluate", "squad", `${repositoryRoot}test/fixtures/squad/sample-v1.1.json`]],
  ["export", (folder) => ["export", "--onnx", join(folder, "onnx"), "--json"]],
  ["verify", (folder) => ["verify", "--write-inputs", join(folder, "inputs")]],
])("fusebert %s", async (_, args) => {
  const { stdout, stderr } = await runCommand([...args(folder), "--model", model]);
  expect(stderr.split("\n").filter((line) => line.includes("warning"))).toEqual(
    warnings.map((warning) => `fusebert: warning: ${warning}.`),
  );
  expect(stdout).not.toContain("warning");
});

test("the library has them too, and none for the model in the package", async () => {
  const answerer = await QuestionAnswerer.load(model);
  expect(answerer.warnings).toEqual(warnings);
  await answerer.dispose();
  const builtIn = await QuestionAnswerer.load();
  expect(builtIn.warnings).toEqual([]);
  await builtIn.dispose();
});
