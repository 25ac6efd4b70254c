/**
 * Precedence between tokenizer_config.json and tokenizer.json, as in transformers 4: cases by hand, and golden rows
 * from Python (`make-tokenizer-config.py`).
 */
import { describe, expect, test } from "vitest";
import { readGoldenJson } from "../../../test/support/golden.ts";
import { CheckpointError } from "../../errors.ts";
import { codePointOffsets, fromTokenizerJson, show, smallJson } from "../testing.ts";

const TEXT = "É e 中文";
const cased = { lowercase: false, strip_accents: false };

/** The tokens of TEXT with these settings in tokenizer.json and in tokenizer_config.json. */
function tokensOf(normalizer: object, config: object | undefined): string {
  const json = JSON.stringify(smallJson(["É", "é", "e", "中", "文", "中文"], normalizer));
  const tokenizer = fromTokenizerJson(json, undefined, config && JSON.stringify(config));
  return show(tokenizer, TEXT)
    .map((token) => token.replace(/@.*/, ""))
    .join(" ");
}

const lower = "e e 中 文";
const kept = "É e 中 文";

describe("tokenizer_config.json beside tokenizer.json", () => {
  test.each<[string, object, object | undefined, string]>([
    ["no tokenizer_config.json: tokenizer.json applies", cased, undefined, kept],
    ["equal settings change nothing", cased, { do_lower_case: false, strip_accents: false }, kept],
    ["do_lower_case false beside lowercase true", {}, { do_lower_case: false }, kept],
    ["absent do_lower_case is true", { lowercase: false }, {}, lower],
    ["absent strip_accents is null, which differs from false", { strip_accents: false }, {}, lower],
    ["strip_accents false", {}, { strip_accents: false }, "é e 中 文"],
    ["strip_accents true, in upper case", cased, { do_lower_case: false, strip_accents: true }, "[UNK] e 中 文"],
    ["tokenize_chinese_chars false", {}, { tokenize_chinese_chars: false }, "e e 中文"],
    ["absent tokenize_chinese_chars is true", { handle_chinese_chars: false }, {}, lower],
    [
      "one differing setting replaces all three",
      { ...cased, handle_chinese_chars: false },
      { do_lower_case: false, strip_accents: false },
      kept,
    ],
    ["the class of the fast tokenizer", cased, { tokenizer_class: "BertTokenizerFast" }, lower],
    ["no class means BERT's", cased, { tokenizer_class: null }, lower],
    ["DistilBERT's", cased, { tokenizer_class: "DistilBertTokenizer" }, lower],
    ["ELECTRA's", cased, { tokenizer_class: "ElectraTokenizerFast" }, lower],
    [
      "MPNet's does not compare handle_chinese_chars",
      { ...cased, handle_chinese_chars: false },
      { tokenizer_class: "MPNetTokenizer" },
      "e e 中文",
    ],
    ["a PreTrainedTokenizerFast is not compared", cased, { tokenizer_class: "PreTrainedTokenizerFast" }, kept],
  ])("%s", (_, normalizer, config, expected) => {
    expect(tokensOf(normalizer, config)).toBe(expected);
  });

  test("clean_text is always tokenizer.json's", () => {
    const json = JSON.stringify(smallJson(["a\u0001b", "ab"], { clean_text: false, lowercase: false }));
    const tokenizer = fromTokenizerJson(json, undefined, "{}");
    expect(show(tokenizer, "a\u0001b")).toEqual(["a\u0001b@0-3"]);
  });

  test.each([
    ["{", /^tokenizer_config\.json is not JSON/],
    ["[]", /^tokenizer_config\.json is an array; expected a JSON object/],
    ['{"do_lower_case": "no"}', /^tokenizer_config\.json: do_lower_case is "no"; expected boolean/],
  ])("a malformed one, %j, is an error that names it", (config, message) => {
    const read = () => fromTokenizerJson(JSON.stringify(smallJson([])), "tokenizer.json", config);
    expect(read).toThrow(CheckpointError);
    expect(read).toThrow(message);
  });
});

interface PythonRows {
  readonly versions: Readonly<Record<string, string>>;
  /** tokenizer.json without the normalizer's settings. */
  readonly tokenizer: object;
  readonly cases: readonly {
    readonly normalizer: object;
    readonly config: object;
    readonly rows: readonly { text: string; ids: number[]; tokens: string[]; offsets: [number, number][] }[];
  }[];
}

// From tokenizers 0.23.2 in Python 3.12, on 2026-11-27, by make-tokenizer-config.py.
describe("rows made in Python", () => {
  test("every row has transformers 4's ids, tokens and offsets", async () => {
    const { tokenizer: rest, cases } = await readGoldenJson<PythonRows>("tokenizer-config.json");
    expect(cases.length).toBeGreaterThan(50);
    for (const { normalizer, config, rows } of cases) {
      const json = JSON.stringify({ ...rest, normalizer });
      const tokenizer = fromTokenizerJson(json, undefined, JSON.stringify(config));
      for (const row of rows) {
        const encoding = tokenizer.encode(row.text);
        const found = {
          ids: [...encoding.ids],
          tokens: Array.from(encoding.ids, (id) => tokenizer.token(id)),
          offsets: codePointOffsets(encoding),
        };
        expect(found, JSON.stringify([config, row.text])).toEqual({
          ids: row.ids,
          tokens: row.tokens,
          offsets: row.offsets,
        });
      }
    }
  });
});
