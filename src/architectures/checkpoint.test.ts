import { describe, expect, test } from "vitest";
import { FolderFiles } from "../checkpoint/node/folder-files.ts";
import { GuardedFiles } from "../checkpoint/testing/guarded-source.ts";
import { tinyConfig, tinyConfigJson, tinyFiles, tinyTensors, utf8 } from "../checkpoint/testing/tiny-model.ts";
import { CheckpointError, DownloadError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { show, smallJson } from "../text/testing.ts";
import { openCheckpoint } from "./checkpoint.ts";

const golden = new URL("../../test/fixtures/golden/random-odd/", import.meta.url).pathname;
const builtin = new URL("../../models/builtin/", import.meta.url).pathname;

const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\ne\nf\ng\nh";

async function refusal(files: Record<string, Uint8Array>): Promise<string> {
  const guarded = new GuardedFiles(files);
  const error = await openCheckpoint(guarded).then(
    () => "no error",
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CheckpointError);
  expect(guarded.leftOpen, "everything opened is closed").toBe(0);
  return String(error);
}

function withTensors(change: (tensors: Map<string, Tensor>) => void): Record<string, Uint8Array> {
  const tensors = tinyTensors();
  change(tensors);
  return tinyFiles(tensors);
}

const zeros = (...shape: [number, number]): Tensor => ({
  dtype: "f32",
  shape,
  data: new Float32Array(shape[0] * shape[1]),
});

describe("openCheckpoint", () => {
  test("opens the built-in model, with its tokenizer", async () => {
    const checkpoint = await openCheckpoint(new FolderFiles(builtin));
    expect(checkpoint.name).toBe(builtin.replace(/\/$/, ""));
    expect(checkpoint.config).toMatchObject({ vocabSize: 12288, hiddenSize: 256, layers: 12, heads: 4 });
    const [first, second] = await Promise.all([checkpoint.tokenizer(), checkpoint.tokenizer()]);
    expect(first).toBe(second);
    expect(first.vocabularySize).toBe(12288);
    await checkpoint.close();
    await checkpoint.close();
  });

  test("opens a model without a tokenizer; only reading it is an error", async () => {
    const checkpoint = await openCheckpoint(new FolderFiles(golden));
    expect(checkpoint.weights.info.size).toBe(5 + 3 * 16 + 2);
    await expect(checkpoint.tokenizer()).rejects.toThrow("has no tokenizer; expected tokenizer.json or vocab.txt");
    await checkpoint.close();
  });

  test("closes what it opened", async () => {
    const files = new GuardedFiles({ ...tinyFiles(), "vocab.txt": utf8(vocabulary) });
    const checkpoint = await openCheckpoint(files);
    expect(checkpoint.config).toEqual(tinyConfig);
    expect((await checkpoint.tokenizer()).vocabularySize).toBe(13);
    expect(files.leftOpen, "the weights").toBe(1);
    await checkpoint.close();
    expect(files.leftOpen).toBe(0);
  });

  test("a tokenizer larger than the vocabulary is an error; a failed read is retried", async () => {
    const files = new GuardedFiles({ ...tinyFiles(), "vocab.txt": utf8(`${vocabulary}\ni`) });
    const checkpoint = await openCheckpoint(files);
    await expect(checkpoint.tokenizer()).rejects.toThrow("the tokenizer has 14 tokens; expected at most config.json's");
    files.files["vocab.txt"] = utf8(vocabulary);
    expect((await checkpoint.tokenizer()).vocabularySize).toBe(13);
  });

  test("other errors propagate, and open files are closed", async () => {
    const files = new GuardedFiles(tinyFiles());
    const failure = new DownloadError({ found: "no network" });
    const open = files.open.bind(files);
    files.open = async (path) => {
      const source = await open(path);
      if (path === "model.safetensors" && source !== undefined) source.read = () => Promise.reject(failure);
      return source;
    };
    await expect(openCheckpoint(files)).rejects.toBe(failure);
    expect(files.opened).toHaveLength(2);
    expect(files.leftOpen).toBe(0);
  });
});

test.each<[string, Record<string, Uint8Array>, string]>([
  ["no config.json", {}, "guarded has no config.json; expected a model with config.json, model.safetensors"],
  ["a broken config.json", { "config.json": utf8("{") }, "guarded/config.json is not JSON"],
  ["no weights", { "config.json": utf8(JSON.stringify(tinyConfigJson)) }, "guarded has no weights"],
  [
    "another hidden size",
    tinyFiles(tinyTensors(), { ...tinyConfigJson, hidden_size: 9 }),
    "config.json says hidden_size 9, but embeddings.word_embeddings.weight is [13, 6]; expected [13, 9], vocab_size × ",
  ],
  [
    "another vocabulary size",
    tinyFiles(tinyTensors(), { ...tinyConfigJson, vocab_size: 14 }),
    "config.json says vocab_size 14, but embeddings.word_embeddings.weight is [13, 6]",
  ],
  [
    "another intermediate size",
    tinyFiles(tinyTensors(), { ...tinyConfigJson, intermediate_size: 11 }),
    "config.json says intermediate_size 11, but encoder.layer.0.intermediate.dense.weight is [10, 6]",
  ],
  [
    "fewer positions than configured",
    tinyFiles(tinyTensors(), { ...tinyConfigJson, max_position_embeddings: 512 }),
    "config.json says max_position_embeddings 512, but embeddings.position_embeddings.weight is [7, 6]",
  ],
  [
    "fewer layers than configured",
    tinyFiles(tinyTensors(), { ...tinyConfigJson, num_hidden_layers: 3 }),
    "config.json says num_hidden_layers 3, but there is no encoder.layer.2.attention.self.query.weight nor anything else",
  ],
  [
    "more layers than configured",
    tinyFiles(tinyTensors(), { ...tinyConfigJson, num_hidden_layers: 1 }),
    'config.json says num_hidden_layers 1, but there is "encoder.layer.1.',
  ],
  [
    "a parameter missing",
    withTensors((tensors) => tensors.delete("encoder.layer.1.output.dense.bias")),
    "guarded has no encoder.layer.1.output.dense.bias (it has 38 others, such as",
  ],
  [
    "names with an unknown prefix",
    withTensors((tensors) => {
      for (const [name, tensor] of [...tensors]) {
        if (name.startsWith("qa_")) continue;
        tensors.delete(name);
        tensors.set(`model.bert.${name}`, tensor);
      }
    }),
    'the weights have embeddings.word_embeddings.weight under the prefix "model."; expected the names of BertForQuestion',
  ],
  [
    "a head with an unknown prefix",
    tinyFiles(tinyTensors((name) => `base_model.model.${name}`)),
    'guarded: the weights have qa_outputs.weight under the prefix "base_model.model."; expected',
  ],
  [
    "a matrix where a vector belongs",
    withTensors((tensors) => tensors.set("embeddings.LayerNorm.bias", zeros(1, 6))),
    "guarded: embeddings.LayerNorm.bias is [1, 6]; expected [6], hidden_size",
  ],
  [
    "a quantised weight",
    withTensors((tensors) =>
      tensors.set("encoder.layer.0.output.dense.weight", { dtype: "u8", shape: [6, 10], data: new Uint8Array(60) }),
    ),
    "encoder.layer.0.output.dense.weight is U8; expected F64, F32, F16 or BF16. Quantised checkpoints",
  ],
  [
    "an encoder without a head",
    withTensors((tensors) => {
      tensors.delete("qa_outputs.weight");
      tensors.delete("qa_outputs.bias");
    }),
    "guarded has no question-answering head: its answers would be random; expected qa_outputs.weight",
  ],
  [
    "a head with other labels",
    withTensors((tensors) => tensors.set("qa_outputs.weight", zeros(5, 6))),
    "qa_outputs.weight has 5 labels; expected 2, the start and the end",
  ],
  [
    "a head without bias",
    withTensors((tensors) => tensors.delete("qa_outputs.bias")),
    "guarded has no qa_outputs.bias",
  ],
])("%s is rejected", async (_, files, message) => {
  expect(await refusal(files)).toContain(message);
});

test.each(["module.", "module.bert.", "_orig_mod.", "_orig_mod.module.bert.", "module._orig_mod."])(
  "the prefix %s of PyTorch's wrappers is removed",
  async (prefix) => {
    const isEncoder = (name: string) => !name.startsWith("qa_");
    const wrapper = prefix.replace("bert.", "");
    const tensors = tinyTensors((name) => `${isEncoder(name) ? prefix : wrapper}${name}`);
    const checkpoint = await openCheckpoint(new GuardedFiles(tinyFiles(tensors)));
    expect((await checkpoint.weights.read("qa_outputs.weight")).shape).toEqual([2, 6]);
    expect((await checkpoint.weights.read("encoder.layer.1.output.dense.bias")).shape).toEqual([6]);
    await checkpoint.close();
  },
);

test("tokenizer_config.json overrides tokenizer.json, and errors name it", async () => {
  const json = JSON.stringify(smallJson(["A", "a"]));
  const files = new GuardedFiles({
    ...tinyFiles(),
    "tokenizer.json": utf8(json),
    "tokenizer_config.json": utf8('{"tokenizer_class": "BertTokenizer", "do_lower_case": false}'),
  });
  const checkpoint = await openCheckpoint(files);
  expect(show(await checkpoint.tokenizer(), "A")).toEqual(["A@0-1"]);
  await checkpoint.close();
  files.files["tokenizer_config.json"] = utf8("{");
  const damaged = await openCheckpoint(files);
  await expect(damaged.tokenizer()).rejects.toThrow("guarded/tokenizer_config.json is not JSON");
  await damaged.close();
});

test.each<[string, string, string]>([
  ["vocab.txt", "[PAD]\n[CLS]\n[SEP]\n", "guarded/vocab.txt: the vocabulary of 3 tokens has no [UNK]"],
  ["vocab.txt", "\n".repeat(600_001), "guarded/vocab.txt has more than 600000 tokens"],
  ["tokenizer_config.json", '{"tokenizer_class": "T5Tokenizer"}', "guarded/tokenizer_config.json: tokenizer_class is"],
  ["tokenizer_config.json", '{"do_lower_case": 1}', "guarded/tokenizer_config.json: do_lower_case is 1"],
  [
    "tokenizer_config.json",
    '{"added_tokens_decoder": {"x": {"content": "a"}}}',
    "guarded/tokenizer_config.json: added_tokens_decoder has",
  ],
])("an error in %s names the model ($#)", async (name, content, message) => {
  const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
  const files = new GuardedFiles({ ...tinyFiles(), "vocab.txt": utf8(vocabulary), [name]: utf8(content) });
  const checkpoint = await openCheckpoint(files);
  await expect(checkpoint.tokenizer()).rejects.toThrow(message);
  await checkpoint.close();
});

test("extra tensors are not read", async () => {
  const files = withTensors((tensors) => {
    tensors.set("bert.pooler.dense.weight", zeros(6, 6));
    tensors.set("cls.seq_relationship.bias", { dtype: "f16", shape: [1], data: Uint16Array.of(0x7c00) });
    tensors.set("bert.embeddings.position_ids", { dtype: "i64", shape: [1], data: BigInt64Array.of(0n) });
  });
  const guarded = new GuardedFiles(files);
  const checkpoint = await openCheckpoint(guarded);
  const source = guarded.opened.at(-1);
  const header = new DataView(files["model.safetensors"]?.buffer ?? new ArrayBuffer(8)).getBigUint64(0, true);
  expect(source?.bytesRead, "opening reads the header only").toBe(8 + Number(header));
  await checkpoint.close();
});
