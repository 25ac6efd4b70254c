import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { canonicalNames, mayBeZero } from "../architectures/index.ts";
import { CheckpointError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { openWeights } from "./checkpoint-weights.ts";
import type { ModelFiles } from "./files.ts";
import { MemoryFiles } from "./memory-files.ts";
import { FolderFiles } from "./node/folder-files.ts";
import { encodeSafetensors, openSafetensors } from "./safetensors.ts";
import { GuardedFiles } from "./testing/guarded-source.ts";
import { tinyFiles, tinyTensors, utf8 } from "./testing/tiny-model.ts";
import { checkpointOf, encodeTorchLegacy, encodeTorchZip } from "./torch/testing/torch-writer.ts";

const names = { canonicalName: canonicalNames({ prefix: "bert." }), mayBeZero };

const golden = new URL("../../test/fixtures/golden/random-odd/", import.meta.url).pathname;
const builtin = new URL("../../models/builtin/", import.meta.url).pathname;

/** The error's message; all opened files must be closed. */
async function refusal(files: Record<string, Uint8Array>): Promise<string> {
  const guarded = new GuardedFiles(files);
  const error = await openWeights(guarded, names).then(
    () => "no error",
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CheckpointError);
  expect(guarded.leftOpen).toBe(0);
  return String(error);
}

/** The tiny model in two shards with an index; `changes` modify the index's weight_map. */
function shardedFiles(changes: Record<string, unknown> = {}): Record<string, Uint8Array> {
  const tensors = [...tinyTensors((name) => (name.startsWith("qa_") ? name : `bert.${name}`))];
  const halves = [tensors.slice(0, 17), tensors.slice(17)];
  const files: Record<string, Uint8Array> = {};
  const weightMap: Record<string, unknown> = {};
  for (const [number, half] of halves.entries()) {
    const file = `model-0000${number + 1}-of-00002.safetensors`;
    files[file] = encodeSafetensors(new Map(half));
    for (const [name] of half) weightMap[name] = file;
  }
  const index = { metadata: { total_size: 1 }, weight_map: { ...weightMap, ...changes } };
  return { ...files, "model.safetensors.index.json": utf8(JSON.stringify(index)) };
}

async function everyTensor(files: ModelFiles): Promise<Map<string, Tensor>> {
  const weights = await openWeights(files, names);
  const tensors = new Map<string, Tensor>();
  for (const name of [...weights.info.keys()].sort()) tensors.set(name, await weights.read(name));
  await weights.close();
  return tensors;
}

/** Tensors that are compared as texts: a thousand numbers one by one take long. */
const withBase64 = (tensors: ReadonlyMap<string, Tensor> | undefined) =>
  [...(tensors ?? [])].map(([name, { data, ...rest }]) => {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    return { name, ...rest, bytes: bytes.toString("base64") };
  });

describe("one file", () => {
  test("random-odd: values equal those at the header's offsets", async () => {
    const weights = await openWeights(new FolderFiles(golden), names);
    const bytes = await readFile(join(golden, "model.safetensors"));
    const headerLength = Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.toString("utf8", 8, 8 + headerLength));
    for (const name of ["embeddings.word_embeddings.weight", "encoder.layer.2.output.dense.weight"]) {
      const { data } = await weights.read(name);
      const start = 8 + headerLength + header[`bert.${name}`].data_offsets[0];
      for (const index of [0, 1, 95, data.length - 1]) expect(data[index]).toBe(bytes.readFloatLE(start + 4 * index));
    }
    expect(weights.info.get("encoder.layer.2.output.dense.weight")).toEqual({ dtype: "f32", shape: [96, 160] });
    expect((await weights.read("qa_outputs.bias")).shape).toEqual([2]);
    await weights.close();
    await expect(weights.read("qa_outputs.bias")).rejects.toThrow("was closed before it was read");
  });

  test("the built-in model is float16, 12 layers, finite throughout", async () => {
    const tensors = await everyTensor(new FolderFiles(builtin));
    expect(tensors.size).toBe(5 + 12 * 16 + 2);
    expect(new Set([...tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(["f16"]));
  });

  test("names with and without bert. and old LayerNorm names are equivalent", async () => {
    const old = (name: string) =>
      `bert.${name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")}`;
    const expected = await everyTensor(new MemoryFiles(tinyFiles(tinyTensors())));
    expect(await everyTensor(new MemoryFiles(tinyFiles(tinyTensors(old))))).toEqual(expected);
  });

  test("other tensors are allowed; the error for reading one names its dtype", async () => {
    const tensors = tinyTensors();
    tensors.set("bert.embeddings.position_ids", { dtype: "i64", shape: [1, 1], data: BigInt64Array.of(0n) });
    const weights = await openWeights(new MemoryFiles(tinyFiles(tensors)), names);
    expect(weights.info.has("embeddings.position_ids")).toBe(false);
    expect(weights.storedDtype("embeddings.position_ids")).toBe("I64");
    await expect(weights.read("embeddings.position_ids")).rejects.toThrow('"bert.embeddings.position_ids" is I64');
    await expect(weights.read("none")).rejects.toThrow('The checkpoint has no tensor "none"');
  });

  test("two names for one parameter are rejected", async () => {
    const tensors = tinyTensors();
    tensors.set("bert.embeddings.LayerNorm.gamma", { dtype: "f32", shape: [6], data: new Float32Array(6) });
    const message = await refusal(tinyFiles(tensors));
    expect(message).toContain("both mean");
    expect(message).toContain('"bert.embeddings.LayerNorm.gamma"');
    expect(message).toContain('"embeddings.LayerNorm.weight"');
  });

  test("reading a non-finite weight gives an error that names it", async () => {
    const tensors = tinyTensors((name) => `bert.${name}`);
    tensors.get("bert.embeddings.word_embeddings.weight")?.data.fill(Number.NaN as never, 8, 9);
    const weights = await openWeights(new MemoryFiles(tinyFiles(tensors)), names);
    await expect(weights.read("embeddings.word_embeddings.weight")).rejects.toThrow(
      'model in memory/model.safetensors: tensor "bert.embeddings.word_embeddings.weight" is NaN at element 8, [1, 2]',
    );
    expect((await weights.read("embeddings.LayerNorm.weight")).data).toHaveLength(6);
  });

  test("a damaged file is rejected and closed", async () => {
    const bytes = tinyFiles()["model.safetensors"] ?? new Uint8Array();
    expect(await refusal({ "model.safetensors": bytes.subarray(0, -1) })).toContain("guarded/model.safetensors");
  });
});

describe("shards", () => {
  test("random-odd in two files reads as in one", async () => {
    const bytes = await readFile(join(golden, "model.safetensors"));
    const whole = await openSafetensors(await sourceOf(bytes), "m");
    const parts: [Map<string, Tensor>, Map<string, Tensor>] = [new Map(), new Map()];
    const weightMap: Record<string, string> = {};
    for (const [number, name] of [...whole.tensors.keys()].entries()) {
      parts[number % 2 === 0 ? 0 : 1].set(name, await whole.read(name));
      weightMap[name] = `model-${number % 2}.safetensors`;
    }
    const folder = await mkdtemp(join(tmpdir(), "fusebert-"));
    try {
      for (const [number, part] of parts.entries()) {
        await writeFile(join(folder, `model-${number}.safetensors`), encodeSafetensors(part));
      }
      await writeFile(join(folder, "model.safetensors.index.json"), JSON.stringify({ weight_map: weightMap }));
      const [found, expected] = await Promise.all([folder, golden].map((path) => everyTensor(new FolderFiles(path))));
      expect(withBase64(found)).toEqual(withBase64(expected));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("close() closes every shard", async () => {
    const files = new GuardedFiles(shardedFiles());
    const weights = await openWeights(files, names);
    expect(files.leftOpen).toBe(2);
    await weights.close();
    expect(files.leftOpen).toBe(0);
  });

  test.each<[string, unknown]>([
    ["a path upwards", "../other/model.safetensors"],
    ["an absolute path", "/etc/model.safetensors"],
    ["a Windows path", "..\\model.safetensors"],
    ["a drive", "C:model.safetensors"],
    ["a URL", "https://example.org/model.safetensors"],
    ["a hidden file", ".safetensors"],
    ["another kind of file", "pytorch_model.bin"],
    ["a name with a line break", "model.safetensors\n"],
    ["a number", 5],
  ])("%s in the index is rejected", async (_, shard) => {
    const message = await refusal(shardedFiles({ "qa_outputs.bias": shard }));
    expect(message).toContain('tensor "qa_outputs.bias" is said to be in');
    expect(message).toContain("expected the name of a .safetensors file of this model");
  });

  test("a missing shard, and a tensor that is not in its shard, are rejected", async () => {
    const { "model-00002-of-00002.safetensors": _, ...incomplete } = shardedFiles();
    expect(await refusal(incomplete)).toContain("guarded has no model-00002-of-00002.safetensors; expected every file");
    const message = await refusal(shardedFiles({ "qa_outputs.bias": "model-00001-of-00002.safetensors" }));
    expect(message).toContain('guarded/model-00001-of-00002.safetensors has no tensor "qa_outputs.bias"');
  });

  test.each([
    ["{}", "has no weight_map; expected an object that gives every tensor's file"],
    ['{"weight_map": []}', "weight_map is []"],
    ["nonsense", "is not JSON"],
    ['{"weight_map": {"a": "b", "a": "c"}}', 'has the key "a" twice'],
  ])("the index %s is rejected", async (index, message) => {
    expect(await refusal({ "model.safetensors.index.json": utf8(index) })).toContain(message);
  });
});

describe("PyTorch's", () => {
  const prefixed = (name: string) => `module.bert.${name.replace("LayerNorm.weight", "LayerNorm.gamma")}`;
  const torchFile = (tensors: ReadonlyMap<string, Tensor>) => encodeTorchZip(checkpointOf(tensors));

  test.each([
    ["zip", encodeTorchZip],
    ["legacy", encodeTorchLegacy],
  ])("pytorch_model.bin, %s: the same tensors as safetensors, under old names too", async (_, encode) => {
    const expected = await everyTensor(new MemoryFiles(tinyFiles()));
    for (const tensors of [tinyTensors(), tinyTensors(prefixed)]) {
      const files = new MemoryFiles({ "pytorch_model.bin": encode(checkpointOf(tensors)) });
      expect(await everyTensor(files)).toEqual(expected);
    }
  });

  test("shards with an index", async () => {
    const [first, second] = [[...tinyTensors()].slice(0, 9), [...tinyTensors()].slice(9)];
    const weightMap = Object.fromEntries([
      ...first.map(([name]) => [name, "pytorch_model-00001-of-00002.bin"]),
      ...second.map(([name]) => [name, "pytorch_model-00002-of-00002.bin"]),
    ]);
    const shards = {
      "pytorch_model-00001-of-00002.bin": torchFile(new Map(first)),
      "pytorch_model-00002-of-00002.bin": encodeTorchLegacy(checkpointOf(new Map(second))),
    };
    const withIndex = (changes: object = {}) => ({
      ...shards,
      "pytorch_model.bin.index.json": utf8(JSON.stringify({ weight_map: { ...weightMap, ...changes } })),
    });
    expect(await everyTensor(new MemoryFiles(withIndex()))).toEqual(await everyTensor(new MemoryFiles(tinyFiles())));
    const { "pytorch_model-00002-of-00002.bin": _, ...incomplete } = withIndex();
    expect(await refusal(incomplete)).toContain("every file that pytorch_model.bin.index.json names");
    const stray = await refusal(withIndex({ "qa_outputs.bias": "pytorch_model-00001-of-00002.bin" }));
    expect(stray).toContain("expected the tensor there, as pytorch_model.bin.index.json says");
    const other = await refusal(withIndex({ "qa_outputs.bias": "model.safetensors" }));
    expect(other).toContain("expected the name of a .bin file of this model");
  });

  test("is not opened if there are safetensors, in one file or in several", async () => {
    for (const safetensors of [tinyFiles(), shardedFiles()]) {
      const files = new GuardedFiles({ ...safetensors, "pytorch_model.bin": utf8("not even a checkpoint") });
      await (await openWeights(files, names)).close();
    }
  });

  test("is not passed over for being damaged; it is closed", async () => {
    expect(await refusal({ "pytorch_model.bin": torchFile(tinyTensors()).subarray(0, -1) })).toContain(
      "guarded/pytorch_model.bin does not end as a zip archive",
    );
    expect(await refusal({ "model.safetensors": utf8("{"), "pytorch_model.bin": torchFile(tinyTensors()) })).toContain(
      "guarded/model.safetensors has 1 bytes",
    );
  });

  test("integers are no weights; NaN is found", async () => {
    const tensors = tinyTensors();
    tensors.set("bert.embeddings.position_ids", { dtype: "i64", shape: [1, 1], data: BigInt64Array.of(0n) });
    tensors.get("qa_outputs.bias")?.data.fill(Number.NaN as never, 1);
    const weights = await openWeights(new MemoryFiles({ "pytorch_model.bin": torchFile(tensors) }), names);
    expect(weights.info.has("embeddings.position_ids")).toBe(false);
    expect(weights.storedDtype("embeddings.position_ids")).toBe("I64");
    await expect(weights.read("qa_outputs.bias")).rejects.toThrow(
      'model in memory/pytorch_model.bin: tensor "qa_outputs.bias" is NaN at element 1',
    );
  });
});

describe("other formats", () => {
  const load = "AutoModelForQuestionAnswering.from_pretrained";
  const ACCEPTED = "model.safetensors, model.safetensors.index.json, pytorch_model.bin or pytorch_model.bin.index.json";

  test.each([
    ["tf_model.h5", `${load}("guarded", from_tf=True).save_pretrained('converted', safe_serialization=True)`],
    ["flax_model.msgpack", `${load}("guarded", from_flax=True).save_pretrained(`],
    ["model.onnx", "Use the checkpoint that it was exported from"],
    ["onnx/model.onnx", "cannot be converted back"],
  ])("%s only: advice", async (file, advice) => {
    const message = await refusal({ [file]: utf8("x") });
    expect(message).toContain(`guarded has its weights only in ${file}`);
    expect(message).toContain(`expected ${ACCEPTED}`);
    expect(message).toContain(advice);
  });

  test("no weights: the error lists the formats", async () => {
    const message = await refusal({});
    expect(message).toContain("has no weights: none of model.safetensors, ");
    expect(message).toContain("pytorch_model.bin.index.json, tf_model.h5, flax_model.msgpack, model.onnx");
    expect(message).toContain(`expected ${ACCEPTED}`);
  });

  test("their download is aborted as soon as it starts", async () => {
    const files: ModelFiles = {
      name: "far",
      async open(path, { signal, onProgress } = {}) {
        if (path !== "tf_model.h5") return undefined;
        for (let loaded = 0; ; loaded++) {
          signal?.throwIfAborted();
          onProgress?.({ file: path, loaded, total: undefined });
        }
      },
    };
    await expect(openWeights(files, names)).rejects.toThrow("far has its weights only in tf_model.h5");
    const reason = new Error("changed my mind");
    const never = { ...files, open: () => Promise.reject(reason) };
    await expect(openWeights(never, names, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

async function sourceOf(bytes: Uint8Array) {
  const source = await new MemoryFiles({ f: bytes }).open("f");
  if (source === undefined) throw new Error("unreachable");
  return source;
}
