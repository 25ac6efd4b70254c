/**
 * Settings beside SentencePiece's file, as transformers 5.17 reads them, and malformed files. What texts become is tested by
 * `test/sentencepiece-families.test.ts`.
 */
import { describe, expect, test } from "vitest";
import { CheckpointError } from "../../errors.ts";
import { encodeCharsmap } from "../normalizers/testing/charsmap-writer.ts";
import { fromSentencePiece } from "../testing.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { readSentencePiece } from "./sentencepiece-files.ts";
import { encodeModel, type ModelParts } from "./testing/model-writer.ts";

const charsmap = encodeCharsmap({ É: "E", "\u0301": "" });
const letters = [..."abcdef\u2581"].map((letter, index) => [letter, -1 - index] as const);
const fairseq: ModelParts = { pieces: [["<unk>", 0, 2], ["<s>", 0, 3], ["</s>", 0, 3], ...letters], charsmap }; // biome-ignore format: a row
const deberta: ModelParts = {
  pieces: [["[PAD]", 0, 3], ["[CLS]", 0, 3], ["[SEP]", 0, 3], ["[UNK]", 0, 2], ...letters], // biome-ignore format: a row
  unknownId: 3,
  charsmap,
};
const albert: ModelParts = {
  pieces: [["<pad>", 0, 3], ["<unk>", 0, 2], ["[CLS]", 0, 3], ["[SEP]", 0, 3], ["[MASK]", 0, 3], ...letters], // biome-ignore format: a row
  charsmap,
};

interface Settings {
  readonly config?: object;
  readonly map?: object;
  readonly added?: object;
}

function filesOf(parts: ModelParts, { config, map, added }: Settings) {
  const json = (value: object | undefined) => (value === undefined ? undefined : JSON.stringify(value));
  const model = encodeModel(parts);
  return { model, tokenizerConfig: json(config), specialTokensMap: json(map), addedTokens: json(added) };
}

/** Each added token with its id and its flags: l and r strip, s single word, n normalised. */
function addedOf(parts: ModelParts, modelType: string, settings: Settings = {}): string[] {
  const { addedTokens } = readSentencePiece(filesOf(parts, settings), "m/spm.model", modelType);
  return addedTokens
    .map(({ id, content, lstrip, rstrip, singleWord, normalized }) => {
      const flags = [lstrip && "l", rstrip && "r", singleWord && "s", normalized && "n"].filter(Boolean).join("");
      return { id, shown: `${id} ${content}${flags === "" ? "" : ` ${flags}`}` };
    })
    .sort((left, right) => left.id - right.id)
    .map(({ shown }) => shown);
}

const load = (parts: ModelParts, modelType: string, settings: Settings = {}) =>
  fromSentencePiece(filesOf(parts, settings), "m/spm.model", modelType);
const tokensOf = (tokenizer: Tokenizer, text: string) =>
  Array.from(tokenizer.encode(text).ids, (id) => tokenizer.token(id)).join(" ");
const token = (content: string, flags: object = {}) => ({ content, lstrip: false, normalized: false, ...flags });

describe("added tokens", () => {
  const ends = ["0 <s>", "1 <pad>", "2 </s>", "3 <unk>"];

  test("Fairseq's ids: special tokens first, the mask last", () => {
    expect(addedOf(fairseq, "xlm-roberta")).toEqual([...ends, "11 <mask>"]);
    expect(load(fairseq, "xlm-roberta").token(4)).toBe("a");
    expect(addedOf(fairseq, "camembert")).toEqual(["1 <pad>", "3 <unk>", "5 <s>", "6 </s>", "14 <mask> l"]);
  });

  test("a mask that the file does not have comes after it", () => {
    expect(addedOf(deberta, "deberta-v2")).toEqual(["0 [PAD]", "1 [CLS]", "2 [SEP]", "3 [UNK]", "11 [MASK]"]);
  });

  test.each<[string, Settings, string[]]>([
    ["a mask with flags", { config: { mask_token: token("<mask>", { lstrip: true }) } }, [...ends, "11 <mask> l"]],
    ["special_tokens_map.json", { map: { mask_token: token("<mask>", { lstrip: true }) } }, [...ends, "11 <mask> l"]],
    [
      "added_tokens_decoder, and special_tokens_map.json is not read",
      {
        config: {
          added_tokens_decoder: { "12": token("<x>", { normalized: true, rstrip: true }), "11": token("<mask>") },
        },
        map: { mask_token: token("<mask>", { lstrip: true }) },
      },
      [...ends, "11 <mask>", "12 <x> rn"],
    ],
    ["added_tokens.json", { added: { "<a>": 12 } }, [...ends, "11 <mask>", "12 <a> n"]],
    [
      "added_tokens.json, of a named token",
      { added: { "<a>": 12 }, config: { cls_token: "<a>" } },
      [...ends, "11 <mask>", "12 <a>"],
    ],
    [
      "additional tokens in place of the file's symbols",
      { config: { additional_special_tokens: ["<a>", token("<b>", { lstrip: true })] } },
      [...ends, "11 <mask>", "12 <a>", "13 <b> l"],
    ],
    ["other names", { config: { cls_token: "<c>", sep_token: "<p>" } }, [...ends, "11 <mask>", "12 <p>", "13 <c>"]],
    [
      "other names of the ends",
      { config: { bos_token: "<c>", eos_token: "<p>" } },
      ["0 <c>", "1 <pad>", "2 <p>", "3 <unk>", "11 <mask>", "12 </s>", "13 <s>"],
    ],
    [
      "the name of a piece: the last of equal ones counts",
      { config: { unk_token: "<u>", pad_token: "a" } },
      ["0 <s>", "2 </s>", "3 <u>", "4 a", "11 <mask>"],
    ],
  ])("%s", (_name, settings, expected) => expect(addedOf(fairseq, "xlm-roberta", settings)).toEqual(expected));

  test("special tokens that the file does not have", () => {
    const added = addedOf({ pieces: [["[UNK]", 0]] }, "deberta-v2");
    expect(added).toEqual(["0 [UNK]", "1 [CLS]", "2 [SEP]", "3 [PAD]", "4 [MASK]"]);
  });

  test("control and user-defined pieces", () => {
    const pieces: ModelParts["pieces"] = [...deberta.pieces, ["<ctl>", 0, 3], ["foo", 0, 4]];
    const added = addedOf({ ...deberta, pieces }, "deberta-v2");
    expect(added).toEqual(["0 [PAD]", "1 [CLS]", "2 [SEP]", "3 [UNK]", "11 <ctl>", "12 foo", "13 [MASK]"]);
  });
});

describe("settings", () => {
  test("the template has the ends of Fairseq, and the class and separator tokens of others", () => {
    const ids = ({ pair }: Tokenizer) => [...pair.before, ...pair.between, ...pair.after].map(({ id }) => id);
    expect(ids(load(fairseq, "xlm-roberta", { config: { cls_token: "a" } }))).toEqual([0, 2, 2, 2]);
    expect(ids(load(fairseq, "camembert"))).toEqual([5, 6, 6, 6]);
    expect(ids(load(deberta, "deberta-v2", { config: { sep_token: "a" } }))).toEqual([1, 4, 4]);
    expect(ids(load(albert, "albert"))).toEqual([2, 3, 3]);
  });

  test("ALBERT: lower case and accents", () => {
    expect(tokensOf(load(albert, "albert"), "Á``b")).toBe("\u2581 a <unk> b".replaceAll("'", '"'));
    expect(tokensOf(load(albert, "albert", { config: { keep_accents: true } }), "a\u0301 b")).toBe("\u2581 a \u2581 b");
    expect(tokensOf(load(albert, "albert", { config: { do_lower_case: null } }), "Ab")).toBe("\u2581 <unk> b");
  });

  test("DeBERTa-v2: the character map is left out, punctuation may be split", () => {
    expect(tokensOf(load(deberta, "deberta-v2"), "a\u0301 b ")).toBe("\u2581 [UNK] \u2581 b");
    expect(tokensOf(load(deberta, "deberta-v2", { config: { do_lower_case: true } }), "A")).toBe("\u2581 a");
    expect(tokensOf(load(deberta, "deberta-v2", { config: { split_by_punct: true } }), "a.b")).toBe(
      "\u2581 a \u2581 [UNK] \u2581 b",
    );
    const first = { config: { split_by_punct: true, add_prefix_space: false } };
    expect(tokensOf(load(deberta, "deberta-v2", first), "a.b")).toBe("\u2581 a [UNK] b");
  });

  test("XLM-RoBERTa: without the space before a text, and without a character map", () => {
    expect(tokensOf(load(fairseq, "xlm-roberta", { config: { add_prefix_space: false } }), "ab a")).toBe("a b a");
    expect(tokensOf(load({ pieces: fairseq.pieces }, "xlm-roberta"), "a\u0301b")).toBe("\u2581 a <unk> b");
  });

  test("the configuration's class comes before the model type", () => {
    const config = { tokenizer_class: "CamembertTokenizerFast" };
    expect(load(fairseq, "xlm-roberta", { config }).token(5)).toBe("<s>");
    expect(() => load(fairseq, "xlm-roberta", { config: { tokenizer_class: "T5Tokenizer" } })).toThrow(
      /^m\/tokenizer_config\.json: tokenizer_class is "T5Tokenizer"; expected one of XLMRobertaTokenizer, Camembert/,
    );
  });
});

describe("malformed files are refused", () => {
  const refused = (model: Uint8Array, message: RegExp, modelType = "deberta-v2") => {
    const read = () => readSentencePiece({ model }, "m/spm.model", modelType);
    expect(read).toThrow(CheckpointError);
    expect(read).toThrow(message);
  };
  const piecesAnd = (...more: ModelParts["pieces"]) =>
    encodeModel({ ...deberta, pieces: [...deberta.pieces, ...more] });
  const sound = encodeModel(deberta);
  const isNoModel = /^m\/spm\.model is no model of SentencePiece \(at byte \d+\); expected SentencePiece's ModelProto/;

  test.each<[string, Uint8Array, RegExp]>([
    ["empty", new Uint8Array(), /has no pieces/],
    ["JSON", new TextEncoder().encode('{"a": 1}'), isNoModel],
    ["cut off", sound.subarray(0, sound.length - 3), isNoModel],
    ["a length beyond the end", Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x07), isNoModel],
    ["a negative length", Uint8Array.of(0x0a, ...new Array<number>(9).fill(0xff), 0x01), isNoModel],
    ["an endless number", Uint8Array.of(0x0a, ...new Array<number>(20).fill(0xff)), isNoModel],
    ["a group", Uint8Array.of(0x0b, 0x0c), isNoModel],
    ["a piece that is a number", Uint8Array.of(0x08, 0x01), isNoModel],
    ["a text that reaches beyond its piece", Uint8Array.of(0x0a, 0x02, 0x0a, 0x05, 1, 2, 3, 4, 5), isNoModel],
    ["a score cut off by its piece", Uint8Array.of(0x0a, 0x03, 0x15, 0, 0, 0, 0), isNoModel],
    ["field number 0", Uint8Array.of(0x00, 0x00), isNoModel],
    [
      "a piece that is not UTF-8",
      piecesAnd([Uint8Array.of(0xe2, 0x96), -1]),
      /has a piece, number 11, that is not UTF-8/,
    ],
    [
      "a character in two pieces",
      piecesAnd([Uint8Array.of(0xe2, 0x96), -1], [Uint8Array.of(0x81), -1]),
      /has a piece, number 12, that is not UTF-8/,
    ],
    ["a score that is NaN", piecesAnd(["x", Number.NaN]), /id 11 is \["x", NaN\]/],
    ["an infinite score", piecesAnd(["x", Number.NEGATIVE_INFINITY]), /id 11 is \["x", -Infinity\]/],
    ["BPE", encodeModel({ ...deberta, modelType: 2 }), /m\/spm\.model has model_type BPE; expected a UNIGRAM/],
    ["no known type", encodeModel({ ...deberta, modelType: 9 }), /model_type 9/],
    [
      "white space after words",
      encodeModel({ ...deberta, whitespaceIsSuffix: true }),
      /has treat_whitespace_as_suffix/,
    ],
    ["no unknown piece", encodeModel({ pieces: [["a", -1]], unknownId: 7 }), /id of the unknown token is 7/],
  ])("%s", (_name, model, message) => refused(model, message));

  test("a character map cut off", () => {
    refused(
      encodeModel({ ...fairseq, charsmap: charsmap.subarray(0, 100) }),
      /precompiled_charsmap has 100 bytes/,
      "xlm-roberta",
    );
  });

  test("a million empty pieces", () => {
    const model = new Uint8Array(2_000_000);
    for (let at = 0; at < model.length; at += 2) model[at] = 0x0a;
    refused(model, /more than 600000 tokens/);
  });

  test("an id that does not follow from the file", () => {
    const read = (settings: Settings) => () => load(fairseq, "xlm-roberta", settings);
    expect(read({ added: { "<a>": 20 } })).toThrow(/gives "<a>" the id 20; expected 12, which follows/);
    expect(read({ config: { added_tokens_decoder: { x: token("<a>") } } })).toThrow(/the id x; expected 12/);
    expect(read({ map: { mask_token: 1 } })).toThrow(/^m\/special_tokens_map\.json: mask_token/);
  });
});
