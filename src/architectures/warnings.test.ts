/** Each warning occurs once and names its file or weight; a sound model has none. */
import { expect, test } from "vitest";
import { MemoryFiles } from "../checkpoint/memory-files.ts";
import { tinyConfigJson, tinyFiles, tinyTensors, utf8 } from "../checkpoint/testing/tiny-model.ts";
import { smallJson } from "../text/testing.ts";
import { openCheckpoint } from "./checkpoint.ts";

const words = ["a", "b", "c", "d", "e", "f", "g"];

/** All warnings of a model, after reading it twice. */
async function warningsOf(
  config: object = {},
  zero: readonly string[] = [],
  tokens = words,
  tokenizerConfig?: object,
): Promise<readonly string[]> {
  const tensors = tinyTensors();
  for (const name of zero) tensors.get(name)?.data.fill(0 as never);
  const files = {
    ...tinyFiles(tensors, { ...tinyConfigJson, ...config }),
    "tokenizer.json": utf8(JSON.stringify(smallJson(tokens))),
    ...(tokenizerConfig && { "tokenizer_config.json": utf8(JSON.stringify(tokenizerConfig)) }),
  };
  const checkpoint = await openCheckpoint(new MemoryFiles(files, "m"));
  await checkpoint.tokenizer();
  for (let times = 0; times < 2; times++) {
    for (const name of checkpoint.weights.info.keys()) await checkpoint.weights.read(name);
  }
  await checkpoint.close();
  return checkpoint.warnings;
}

test("a sound model has none", async () => {
  expect(await warningsOf()).toEqual([]);
  expect(await warningsOf({ architectures: undefined, id2label: { 0: "start", 1: "end" }, num_labels: 2 })).toEqual([]);
  const zeros = ["embeddings.token_type_embeddings.weight", "encoder.layer.0.output.dense.bias"];
  expect(await warningsOf({}, zeros), "zero biases and token types are ordinary").toEqual([]);
});

test.each<[string, object, string]>([
  [
    "another class",
    { architectures: ["BertForMaskedLM"] },
    'm/config.json: architectures is "BertForMaskedLM", not BertForQuestionAnswering; the question-answering head is used',
  ],
  [
    "classes that are no names",
    { architectures: [{ toString: 5, valueOf: 5 }] },
    "m/config.json: architectures is an array, not BertForQuestionAnswering; the question-answering head is used",
  ],
  [
    "labels",
    { num_labels: 3 },
    "m/config.json: num_labels is 3, which is ignored: a question-answering head has 2, start and end",
  ],
  [
    "named labels",
    { id2label: { 0: "a", 1: "b", 2: "c" } },
    "m/config.json: id2label has 3 labels, which is ignored: a question-answering head has 2, start and end",
  ],
  [
    "quantisation",
    { quantization_config: { load_in_4bit: true } },
    "m/config.json: quantization_config is ignored: weights are computed with as they are stored",
  ],
])("%s", async (_, config, warning) => {
  expect(await warningsOf(config)).toEqual([warning]);
});

test("all-zero weights", async () => {
  expect(await warningsOf({}, ["encoder.layer.1.output.LayerNorm.weight"])).toEqual([
    'm: the weight "encoder.layer.1.output.LayerNorm.weight" is nothing but zeros: answers will probably mean nothing',
  ]);
  const [warning, ...others] = await warningsOf({}, [...tinyTensors().keys()]);
  expect(warning).toMatch(/^m: 20 weights, such as "embeddings\.\w+\.weight", are nothing but zeros/);
  expect(others).toEqual([]);
});

test("a tokenizer_config.json that overrides tokenizer.json warns if it changes anything", async () => {
  const of = (config: object) => warningsOf({}, [], words, config);
  expect(await of({ do_lower_case: false, tokenize_chinese_chars: false })).toEqual([
    "m/tokenizer_config.json overrides the normalizer of tokenizer.json, as in transformers: " +
      "lowercase is false, not true, strip_accents is false, not true, handle_chinese_chars is false, not true",
  ]);
  expect(await of({}), "equal settings").toEqual([]);
  expect(await of({ strip_accents: true }), "settings of the same effect").toEqual([]);
  expect(await of({ tokenizer_class: "PreTrainedTokenizerFast", do_lower_case: false }), "not compared").toEqual([]);
});

test("a tokenizer of another model", async () => {
  expect(await warningsOf({}, [], ["a", "b"])).toEqual([
    "m: the tokenizer has 6 tokens, the model's vocabulary 13: it is probably another model's",
  ]);
});
