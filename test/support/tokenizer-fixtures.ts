/** The tokenizers under test/fixtures/tokenizers, and what Hugging Face's libraries make of some texts with them. */
import { readFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";
import { fromTokenizerJson } from "../../src/text/testing.ts";
import type { Tokenizer } from "../../src/text/tokenizer.ts";

/** Texts alone, and with a question; of the special tokens, the words and sequences are null. */
export interface TokenizerRows {
  readonly single: readonly {
    readonly text: string;
    readonly ids: number[];
    readonly tokens: string[];
    readonly offsets: [number, number][];
    readonly words: (number | null)[];
  }[];
  readonly pair: readonly {
    readonly question: string;
    readonly context: string;
    readonly ids: number[];
    readonly type_ids: number[];
    readonly sequence_ids: (number | null)[];
    readonly offsets: [number, number][];
    readonly words: (number | null)[];
  }[];
}

export interface TokenizerFixture {
  /** `model_type` of config.json. */
  readonly modelType: string;
  /** The content of tokenizer.json. */
  readonly json: string;
  /** The content of tokenizer_config.json. */
  readonly config: string;
  readonly rows: TokenizerRows;
  /** The file of SentencePiece, and what transformers gives from it alone. */
  readonly sentencePiece?: { readonly name: string; readonly bytes: Uint8Array; readonly rows: TokenizerRows };
}

interface Packed {
  readonly modelType: string;
  readonly tokenizer: object;
  readonly config: string;
  readonly rows: TokenizerRows;
  readonly modelFile?: { readonly name: string; readonly before: string; readonly after: string };
  readonly modelOnlyRows?: TokenizerRows;
}

const fixtures = new URL("../fixtures/", import.meta.url);

export const tokenizerFamilies: readonly string[] = JSON.parse(
  readFileSync(new URL("tokenizers/families.json", fixtures), "utf8"),
);

const read = (name: string): Buffer => brotliDecompressSync(readFileSync(new URL(name, fixtures)));

export function tokenizerFixture(family: string): TokenizerFixture {
  const { modelType, tokenizer, config, rows, modelFile, modelOnlyRows } = JSON.parse(
    read(`tokenizers/${family}.json.br`).toString(),
  ) as Packed;
  const json = JSON.stringify(tokenizer);
  if (modelFile === undefined || modelOnlyRows === undefined) return { modelType, json, config, rows };
  const charsmap = read("charsmaps/nmt_nfkc.br");
  const bytes = Buffer.concat([
    Buffer.from(modelFile.before, "latin1"),
    charsmap,
    Buffer.from(modelFile.after, "latin1"),
  ]);
  return {
    modelType,
    json: json.replace('"(charsmap)"', JSON.stringify(charsmap.toString("base64"))),
    config,
    rows,
    sentencePiece: { name: modelFile.name, bytes, rows: modelOnlyRows },
  };
}

export const tokenizerOf = ({ json, config, modelType }: TokenizerFixture): Tokenizer =>
  fromTokenizerJson(json, "tokenizer.json", config, modelType);
