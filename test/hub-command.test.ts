/**
 * `fusebert answer --model owner/name`, end to end: the built command, a hub on this computer, and a cache of its own.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkpointOf, encodeTorchZip } from "../src/checkpoint/torch/testing/torch-writer.ts";
import type { AnswerReport } from "../src/cli/answer/render.ts";
import { type CommandResult, runCommand } from "./support/command.ts";
import { builtInFolder, readGolden, required } from "./support/golden.ts";
import { type HubServer, startHubServer } from "./support/hub-server.ts";

const repo = "MattBoraske/BERT-question-answering-SQuAD";
const passage = "Frankenstein is an 1818 novel written by English author Mary Shelley.\nIt is set in Geneva.";
const question = ["answer", "Who wrote the novel?", "--text", passage, "--json"];

const names = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"];
const builtIn = Object.fromEntries(names.map((name) => [name, readFileSync(join(builtInFolder, name))]));
/** The same weights as `torch.save` writes them. */
const pytorch = encodeTorchZip(checkpointOf(await readGolden("../../../models/builtin/model.safetensors")));

let hub: HubServer;
let home: string;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "fusebert-hub-command-"));
  const revisions = {
    main: builtIn,
    "only-pytorch": { ...without(builtIn, "model.safetensors"), "pytorch_model.bin": pytorch },
    "only-tensorflow": { ...without(builtIn, "model.safetensors"), "tf_model.h5": new Uint8Array(50_000) },
    encoder: { ...builtIn, "model.safetensors": withoutHead(required(builtIn["model.safetensors"])) },
  };
  hub = await startHubServer({ repos: [{ name: repo, revisions }] });
});
afterEach(async () => {
  await hub.close();
  rmSync(home, { recursive: true, force: true });
});

/** The command, with nothing of this computer's own settings for the hub. */
function ask(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<CommandResult> {
  const clean = { HF_HUB_CACHE: "", HUGGINGFACE_HUB_CACHE: "", HF_TOKEN: "", HF_HUB_OFFLINE: "" };
  return runCommand([...question, "--model", repo, ...args], {
    env: { ...clean, HF_ENDPOINT: hub.url, HF_HOME: home, ...env },
  });
}

const offline = { HF_HUB_OFFLINE: "1" };

/** The answers, which must be what the built-in model gives: it is the one that the hub serves. */
async function expectSameAnswers({ code, stdout, stderr }: CommandResult, model = repo): Promise<void> {
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const fromHub = JSON.parse(stdout) as AnswerReport;
  const local = JSON.parse((await runCommand(question)).stdout) as AnswerReport;
  expect(fromHub.model).toBe(model);
  expect(fromHub.answers[0]?.text).toBe("Mary Shelley");
  expect(fromHub.answers).toEqual(local.answers);
  expect(fromHub.noAnswerScore).toBe(local.noAnswerScore);
}

/** One line on standard error, that tells a person what is the matter. */
function expectOneLine({ code, stdout, stderr }: CommandResult, wanted: { code: number; says: RegExp }): void {
  expect(stderr).toMatch(wanted.says);
  expect(stderr).toMatch(/^fusebert: [^\n]+\n$/);
  expect(stdout).toBe("");
  expect(code).toBe(wanted.code);
}

describe("a model on the hub", () => {
  test("is downloaded once and then answers without the network", async () => {
    await expectSameAnswers(await ask());
    expect(hub.requests.some(({ server }) => server === "cdn")).toBe(true);
    hub.requests.length = 0;
    await expectSameAnswers(await ask([], offline));
    const commit = hub.commitOf(repo, "main");
    await expectSameAnswers(await ask(["--revision", commit], offline), `${repo}@${commit}`);
    expect(hub.requests).toEqual([]);
  });

  test("answers from a cache that Python has filled", async () => {
    // transformers without its fast tokenizers: tokenizer.json was never asked for.
    await cacheLikePython(["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"]);
    await expectSameAnswers(await ask([], offline));
    expect(hub.requests).toEqual([]);
  });

  test("answers with PyTorch's weights where there are no safetensors, also from the cache", async () => {
    const revision = ["--revision", "only-pytorch"];
    await expectSameAnswers(await ask(revision), `${repo}@only-pytorch`);
    hub.requests.length = 0;
    await expectSameAnswers(await ask(revision, offline), `${repo}@only-pytorch`);
    expect(hub.requests).toEqual([]);
  });

  test("that is only half in the cache is not taken for a broken one", async () => {
    await cacheLikePython(["config.json"]);
    expectOneLine(await ask([], offline), { code: 3, says: /model\.safetensors of .* is not in the cache .*OFFLINE/ });
    expectOneLine(await ask(["--revision", "v2"], offline), { code: 3, says: /\(revision v2\) is not in the cache/ });
  });

  test("answers although the connection breaks", async () => {
    const weights = sha256(required(builtIn["model.safetensors"]));
    hub.faults.push({ path: new RegExp(weights), cutAfter: 5_000_000, times: 2 });
    hub.faults.push({ path: /^\/api\//, status: 503, times: 1 });
    await expectSameAnswers(await ask());
    const ranges = hub.requests.filter(({ path }) => path.endsWith(weights)).map(({ headers }) => headers.range);
    expect(ranges).toEqual([undefined, "bytes=5000000-", "bytes=10000000-"]);
  });
});

describe("what goes wrong is said in one line", () => {
  test("an unknown revision", async () => {
    const says = /has no revision "nowhere"; expected one of its branches, tags or commits\. See .*tree\/main/;
    expectOneLine(await ask(["--revision", "nowhere"]), { code: 3, says });
  });

  test("an unknown model", async () => {
    expectOneLine(await ask(["--model", "someone/nothing"]), { code: 3, says: /no model someone\/nothing .*HF_TOKEN/ });
  });

  test("weights in TensorFlow's format only: how to convert them", async () => {
    const says = /weights only in tf_model\.h5; .*Convert it in Python.*from_pretrained.*safe_serialization=True/;
    expectOneLine(await ask(["--revision", "only-tensorflow"]), { code: 2, says });
    // Nobody needs to download what cannot be used.
    expect(await blobSizes()).not.toContain(50_000);
  });

  test("an encoder without the head that answers", async () => {
    expectOneLine(await ask(["--revision", "encoder"]), { code: 2, says: /qa_outputs/ });
  });

  test("bytes other than the hub announced", async () => {
    hub.faults.push({ path: /^\/cdn\//, wrongBytes: true });
    expectOneLine(await ask(), { code: 3, says: /model\.safetensors has other bytes than the hub announced/ });
  });

  test("a hub that is down", async () => {
    const { url } = hub;
    await hub.close();
    const result = await ask([], { HF_ENDPOINT: url });
    expectOneLine(result, { code: 3, says: /could not be reached .*Check the network/ });
    hub = await startHubServer({ repos: [] });
  });
});

const modelFolder = () => join(home, "hub", `models--${repo.replace("/", "--")}`);

async function blobSizes(): Promise<number[]> {
  const folder = join(modelFolder(), "blobs");
  return (await readdir(folder)).map((name) => readFileSync(join(folder, name)).length);
}

/** Files the built-in model into the cache as Python's huggingface_hub does, and the branch with it. */
async function cacheLikePython(files: readonly string[]): Promise<void> {
  const commit = "c".repeat(40);
  const [blobs, snapshot, refs] = ["blobs", `snapshots/${commit}`, "refs"].map((name) => join(modelFolder(), name));
  for (const folder of [blobs, snapshot, refs]) await mkdir(required(folder), { recursive: true });
  for (const name of files) {
    const bytes = required(builtIn[name]);
    const etag = sha256(bytes);
    await writeFile(join(required(blobs), etag), bytes);
    await symlink(`../../blobs/${etag}`, join(required(snapshot), name));
  }
  await writeFile(join(required(refs), "main"), commit);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function without(files: Readonly<Record<string, Uint8Array>>, name: string): Record<string, Uint8Array> {
  return Object.fromEntries(Object.entries(files).filter(([path]) => path !== name));
}

/** The same weights with the two tensors of the answering head under names that mean nothing. */
function withoutHead(safetensors: Uint8Array): Uint8Array {
  const bytes = Buffer.from(safetensors);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = bytes.toString("latin1", 8, 8 + headerLength);
  expect(header).toContain("qa_outputs");
  bytes.write(header.replaceAll("qa_outputs", "other_head"), 8, "latin1");
  return bytes;
}
