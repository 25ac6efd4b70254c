/** Which files of a model its tokenizer is read from. */
import { expect, test } from "vitest";
import { GuardedFiles } from "../checkpoint/testing/guarded-source.ts";
import { utf8 } from "../checkpoint/testing/tiny-model.ts";
import { CheckpointError } from "../errors.ts";
import { encodeModel } from "../text/sentencepiece/testing/model-writer.ts";
import { readTokenizer } from "./tokenizer-files.ts";

const model = encodeModel({ pieces: [["<unk>", 0, 2], ["<s>", 0, 3], ["</s>", 0, 3], ["a", -1]] }); // biome-ignore format: a row

test.each([
  ["xlm-roberta", "sentencepiece.bpe.model"],
  ["camembert", "sentencepiece.bpe.model"],
  ["albert", "spiece.model"],
  ["deberta-v2", "spm.model"],
])("%s: %s, if there is no tokenizer.json", async (modelType, name) => {
  const files = new GuardedFiles({
    [name]: model,
    "tokenizer_config.json": utf8('{"do_lower_case": false}'),
    "added_tokens.json": utf8("{}"),
  });
  expect((await readTokenizer(files, modelType)).vocabularySize).toBeGreaterThan(4);
  const none = readTokenizer(new GuardedFiles({ "vocab.txt": utf8("[CLS]") }), modelType);
  await expect(none).rejects.toThrow(`guarded has no tokenizer; expected tokenizer.json or ${name}`);
  await expect(none).rejects.toThrow(CheckpointError);
  expect(files.leftOpen).toBe(0);
});

test("special_tokens_map.json is read beside SentencePiece's file", async () => {
  const files = new GuardedFiles({ "spm.model": model, "special_tokens_map.json": utf8("{") });
  await expect(readTokenizer(files, "deberta-v2")).rejects.toThrow("guarded/special_tokens_map.json is not JSON");
});
