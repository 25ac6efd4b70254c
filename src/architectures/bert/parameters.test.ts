import { expect, test } from "vitest";
import { tinyConfig } from "../../checkpoint/testing/tiny-model.ts";
import { canonicalNames, expectedParameters } from "../index.ts";
import { bert } from "./index.ts";

test("the parameters equal BertForQuestionAnswering's", () => {
  const parameters = expectedParameters({ ...tinyConfig, layers: 12 });
  expect(parameters.size).toBe(5 + 12 * 16 + 2);
  expect(parameters.get("embeddings.word_embeddings.weight")).toEqual([13, 6]);
  expect(parameters.get("embeddings.position_embeddings.weight")).toEqual([7, 6]);
  expect(parameters.get("embeddings.token_type_embeddings.weight")).toEqual([2, 6]);
  expect(parameters.get("encoder.layer.11.attention.self.query.weight")).toEqual([6, 6]);
  expect(parameters.get("encoder.layer.0.intermediate.dense.weight")).toEqual([10, 6]);
  expect(parameters.get("encoder.layer.0.intermediate.dense.bias")).toEqual([10]);
  expect(parameters.get("encoder.layer.0.output.dense.weight")).toEqual([6, 10]);
  expect(parameters.get("encoder.layer.0.output.LayerNorm.bias")).toEqual([6]);
  expect(parameters.get("qa_outputs.weight")).toEqual([2, 6]);
  expect(parameters.get("qa_outputs.bias")).toEqual([2]);
});

test.each([
  ["bert.encoder.layer.0.output.dense.bias", "encoder.layer.0.output.dense.bias"],
  ["encoder.layer.0.output.dense.bias", "encoder.layer.0.output.dense.bias"],
  ["bert.bert.pooler.dense.bias", "bert.pooler.dense.bias"],
  ["bert.embeddings.LayerNorm.gamma", "embeddings.LayerNorm.weight"],
  ["embeddings.LayerNorm.beta", "embeddings.LayerNorm.bias"],
  ["gamma", "gamma"],
  ["qa_outputs.weight", "qa_outputs.weight"],
])("the canonical name of %s is %s", (stored, canonical) => {
  expect(canonicalNames(bert)(stored)).toBe(canonical);
});
