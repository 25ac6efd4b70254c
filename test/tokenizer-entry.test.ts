/** `fusebert/tokenizer`: from a folder, from files, and what is refused. */
import { describe, expect, test } from "vitest";
import { MemoryFiles } from "../src/checkpoint/memory-files.ts";
import { CheckpointError, InputError } from "../src/errors.ts";
import { loadTokenizer } from "../src/tokenizer.ts";
import { builtInFolder } from "./support/golden.ts";
import { tokenizerFixture } from "./support/tokenizer-fixtures.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const configJson = JSON.stringify({
  model_type: "roberta",
  vocab_size: 1_500,
  hidden_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 16,
  max_position_embeddings: 40,
  type_vocab_size: 1,
  layer_norm_eps: 1e-5,
  hidden_act: "gelu",
  pad_token_id: 1,
});
const roberta = tokenizerFixture("roberta");

describe("a tokenizer by itself", () => {
  test("the built-in one, by default and from its folder", async () => {
    const text = "Zoe\u0308 was born in Łódź 🇵🇱.";
    const [first, second] = [await loadTokenizer(), await loadTokenizer(builtInFolder)];
    const { ids, starts, ends, words } = first.encode(text);
    expect(second.encode(text)).toEqual({ ids, starts, ends, words });
    expect(first.vocabularySize).toBe(12_288);
    expect(Array.from(starts, (start, index) => text.slice(start, ends[index])).slice(0, 2)).toEqual(["Zo", "e"]);
    expect(words.at(-1)).toBe(6);
    expect(first.token(99_999)).toBe("(no token 99999)");
  });

  test("from files, without weights", async () => {
    const files = { "config.json": utf8(configJson), "tokenizer.json": utf8(roberta.json) };
    const tokenizer = await loadTokenizer(new MemoryFiles(files, "made"));
    const row = roberta.rows.single.find(({ text }) => text.length > 20);
    expect([...tokenizer.encode(row?.text ?? "").ids]).toEqual(row?.ids.slice(1, -1));
    expect([tokenizer.name, tokenizer.warnings]).toEqual(["made", []]);
  });

  test.each([
    [{}, /config\.json/],
    [{ "config.json": utf8(configJson) }, /tokenizer\.json, or vocab\.json and merges\.txt/],
    [{ "config.json": utf8(configJson.replace("1500", "1400")), "tokenizer.json": utf8(roberta.json) }, /vocab_size/],
  ])("files that are not enough or do not match: %#", async (files, message) => {
    const refused = expect(loadTokenizer(new MemoryFiles(files, "made"))).rejects;
    await refused.toThrow(CheckpointError);
    await expect(loadTokenizer(new MemoryFiles(files, "made"))).rejects.toThrow(message);
  });

  test("wrong arguments", async () => {
    await expect(loadTokenizer(7 as unknown as string)).rejects.toThrow(InputError);
    await expect(loadTokenizer(undefined, { device: "cpu" } as object)).rejects.toThrow(/no option device/);
    const tokenizer = await loadTokenizer();
    expect(() => tokenizer.encode(7 as unknown as string)).toThrow(InputError);
    const reason = new Error("enough");
    await expect(loadTokenizer(undefined, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
