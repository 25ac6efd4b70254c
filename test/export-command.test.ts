/**
 * `fusebert export` as users and scripts run it.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand } from "./support/command.ts";
import { openExported } from "./support/exported-model.ts";
import { builtInFolder, goldenFolder } from "./support/golden.ts";

let root: string;
const folder = (name: string) => join(root, name);
const listing = async (name: string) => (await readdir(folder(name), { recursive: true })).sort();
const companions = ["config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "fusebert-export-"));
});
afterAll(() => rm(root, { recursive: true }));

test("writes the folder that transformers.js and Optimum expect", async () => {
  const { code, stdout, stderr } = await runCommand(["export", "--onnx", folder("f32")]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^The model built-in as ONNX, f32, opset 18, in .*f32:\n\n {2}onnx\/model\.onnx +51\.1 MB\n/);
  expect(await listing("f32")).toEqual([...companions.slice(0, 1), "onnx", "onnx/model.onnx", ...companions.slice(1)]);
  for (const name of companions) {
    expect(await readFile(join(folder("f32"), name))).toEqual(await readFile(join(builtInFolder, name)));
  }
  const session = await openExported(await readFile(join(folder("f32"), "onnx/model.onnx")));
  expect(session.outputNames).toEqual(["start_logits", "end_logits"]);
  await session.release();
});

test("--force adds another precision to the folder", async () => {
  const args = ["export", "--onnx", folder("both"), "--model", join(goldenFolder, "random-odd"), "--json"];
  await runCommand(args);
  const refused = await runCommand([...args, "--precision", "f16"]);
  expect([refused.code, refused.stdout]).toEqual([2, ""]);
  expect(refused.stderr).toMatch(/is not empty: it holds config\.json and 1 more.*--force/);
  const { code, stdout } = await runCommand([...args, "--precision", "f16", "--force"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    model: join(goldenFolder, "random-odd"),
    precision: "f16",
    opset: 18,
    folder: folder("both"),
    files: [
      { path: "onnx/model_fp16.onnx", bytes: expect.any(Number) },
      { path: "config.json", bytes: expect.any(Number) },
    ],
    timing: { exportMs: expect.any(Number) },
  });
  expect(await listing("both")).toEqual(["config.json", "onnx", "onnx/model.onnx", "onnx/model_fp16.onnx"]);
});

test("a model without a tokenizer is exported, with a message", async () => {
  const args = ["export", "--onnx", folder("odd"), "--model", join(goldenFolder, "random-odd")];
  const { code, stderr } = await runCommand(args);
  expect(code).toBe(0);
  expect(stderr).toMatch(/^fusebert: the model .*random-odd has no tokenizer, so the folder has none/);
});

test("Ctrl-C leaves no files behind", async () => {
  let asked: () => void = () => undefined;
  const when = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const server = createServer(() => asked()); // It never answers.
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const { code, stdout, stderr } = await runCommand(["export", "--onnx", folder("gone"), "--model", url], {
    stop: { when, signal: "SIGINT" },
  });
  expect([code, stdout, stderr]).toEqual([130, "", "fusebert: interrupted.\n"]);
  expect(await readdir(root)).not.toContain("gone");
  server.closeAllConnections();
  server.close();
});

test("wrong usage gives one line and exit code 2", async () => {
  for (const [args, says] of [
    [["export"], /required option '--onnx <folder>'/],
    [["export", "--onnx", folder("x"), "--precision", "f64"], /Allowed choices are f32, f16/],
    [["export", "--onnx", join(folder("f32"), "config.json")], /config\.json cannot be written \(ENOTDIR/],
    [["export", "--onnx", folder("x"), "--model", "./no-such-folder"], /no-such-folder does not exist/],
  ] as const) {
    const { code, stderr } = await runCommand(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(says);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  }
  expect(await readdir(root)).not.toContain("x");
});
