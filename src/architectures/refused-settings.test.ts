import { expect, test } from "vitest";
import { modelTypes, parseModelConfig } from "./index.ts";

/** Enough for every family. */
const sizes = {
  vocab_size: 50,
  pad_token_id: 1,
  hidden_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 20,
  dim: 12,
  n_layers: 2,
  n_heads: 2,
  hidden_dim: 20,
};

test.each(modelTypes)("%s: a decoder, cross-attention and pruned heads are refused by name", async (type) => {
  const parse = (setting: object) => parseModelConfig(JSON.stringify({ model_type: type, ...sizes, ...setting }));
  expect((await parse({ is_decoder: false, pruned_heads: {} })).layers).toBe(2);
  await expect(parse({ is_decoder: true })).rejects.toThrow("is_decoder is true");
  await expect(parse({ add_cross_attention: true })).rejects.toThrow("add_cross_attention is true");
  await expect(parse({ pruned_heads: { 0: [1] } })).rejects.toThrow("pruned_heads");
});
