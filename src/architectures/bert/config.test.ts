import { describe, expect, test } from "vitest";
import { tinyConfigJson as valid } from "../../checkpoint/testing/tiny-model.ts";
import { CheckpointError } from "../../errors.ts";
import { parseModelConfig } from "../index.ts";

const parse = (changes: object) => parseModelConfig(JSON.stringify({ ...valid, ...changes }));

describe("config.json", () => {
  test("reads every field", async () => {
    expect(await parse({})).toEqual({
      family: "bert",
      vocabSize: 13,
      hiddenSize: 6,
      layers: 2,
      heads: 3,
      intermediateSize: 10,
      maxPositions: 7,
      tokenTypes: 2,
      layerNormEps: 1e-12,
      padTokenId: 0,
    });
  });

  test("absent and null fields have transformers' defaults", async () => {
    const required = {
      model_type: "bert",
      vocab_size: 30522,
      hidden_size: 768,
      num_hidden_layers: 12,
      num_attention_heads: 12,
      intermediate_size: 3072,
    };
    const expected = { maxPositions: 512, tokenTypes: 2, layerNormEps: 1e-12, padTokenId: 0 };
    expect(await parseModelConfig(JSON.stringify(required))).toMatchObject(expected);
    expect(await parseModelConfig(JSON.stringify({ ...required, pad_token_id: null }))).toMatchObject(expected);
  });

  test("an old file without model_type is recognised by its architectures", async () => {
    expect((await parse({ model_type: undefined })).layers).toBe(2);
    expect((await parse({ model_type: undefined, architectures: ["BertModel"] })).layers).toBe(2);
  });

  test.each<[string, object, string]>([
    ["a size too large", { hidden_size: 2 ** 31 }, "hidden_size is 2147483648; expected a whole number from 1"],
    ["a size of zero", { intermediate_size: 0 }, "intermediate_size is 0; expected"],
    ["a negative size", { max_position_embeddings: -512 }, "max_position_embeddings is -512"],
    ["half a head", { num_attention_heads: 1.5 }, "num_attention_heads is 1.5"],
    ["a number as text", { vocab_size: "13" }, 'vocab_size is "13"; expected a whole number'],
    ["a list", { type_vocab_size: [2] }, "type_vocab_size is [2]"],
    ["null in a required field", { hidden_size: null }, "hidden_size is null; expected a whole number"],
    ["too many layers", { num_hidden_layers: 2_000_000_000 }, "expected a whole number from 1 to 1024"],
    ["nothing", { num_hidden_layers: undefined }, "config.json has no num_hidden_layers; expected a whole number"],
    ["eps zero", { layer_norm_eps: 0 }, "layer_norm_eps is 0; expected a number from 1e-30 to 0.1"],
    ["eps far above the variance", { layer_norm_eps: 1e30 }, "layer_norm_eps is 1e+30; expected a number from"],
    ["eps that is zero in float32", { layer_norm_eps: 1e-60 }, "layer_norm_eps is 1e-60; expected a number from"],
    ["one token type", { type_vocab_size: 1 }, "type_vocab_size is 1; expected a whole number from 2"],
    ["one position", { max_position_embeddings: 1 }, "max_position_embeddings is 1; expected a whole number from 5"],
    ["pruned heads", { pruned_heads: { "0": [1] } }, "Pruned heads are not supported"],
    ["a negative eps", { layer_norm_eps: -1e-12 }, "layer_norm_eps is -1e-12"],
    ["heads that do not divide", { num_attention_heads: 4 }, "hidden_size is 6 and num_attention_heads is 4"],
    ["padding outside", { pad_token_id: 13 }, "pad_token_id is 13; expected an id below vocab_size, 13"],
    ["negative padding", { pad_token_id: -1 }, "pad_token_id is -1"],
    [
      "another activation",
      { hidden_act: "gelu_new" },
      'hidden_act is "gelu_new"; expected the erf GELU, "gelu", the only',
    ],
    ["relu", { hidden_act: "relu" }, "Another activation is not supported: use a checkpoint"],
    ["relative positions", { position_embedding_type: "relative_key" }, "Relative positions are not supported: use a"],
    [
      "a decoder",
      { is_decoder: true },
      "is_decoder is true; expected false: fusebert computes encoders. Decoders are not",
    ],
    ["cross attention", { add_cross_attention: true }, "Cross-attention is not supported: use an encoder"],
    ["another model", { model_type: "t5" }, 'model_type is "t5"; expected one of "bert", "roberta", "xlm-roberta"'],
    ["another class", { model_type: undefined, architectures: ["T5Model"] }, "has no model_type"],
    ["neither model_type nor architectures", { model_type: undefined, architectures: undefined }, "has no model_type"],
    ["a model_type that is not a string", { model_type: { a: 1 } }, "model_type is an object"],
  ])("%s is rejected", async (_, changes, message) => {
    await expect(parse(changes)).rejects.toThrow(CheckpointError);
    await expect(parse(changes)).rejects.toThrow(message);
  });

  test.each([
    ["", "config.json is empty"],
    ["[]", "config.json is []; expected a JSON object"],
    ["\uFEFF{}", "config.json starts with a byte order mark"],
    ['{"model_type": "bert", "model_type": "bert"}', 'has the key "model_type" twice'],
    ['{"model_type": "bert", "vocab_size": 1e400}', "vocab_size is"],
  ])("%j is rejected", async (json, message) => {
    await expect(parseModelConfig(json)).rejects.toThrow(message);
  });
});
