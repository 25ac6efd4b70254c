/**
 * Tokenizers without a tokenizer.json: `vocab.txt`, or `vocab.json` and `merges.txt`, beside tokenizer_config.json, against
 * Hugging Face's for the tokenizer.json that transformers makes of them.
 */
import { describe, expect, test } from "vitest";
import { readTokenizer } from "../src/architectures/tokenizer-files.ts";
import { MemoryFiles } from "../src/checkpoint/memory-files.ts";
import { awkwardTexts } from "./support/awkward-texts.ts";
import { differences, theirTokenizer } from "./support/huggingface.ts";
import { type TokenizerFixture, tokenizerFixture, tokenizerOf } from "./support/tokenizer-fixtures.ts";

const texts = awkwardTexts(2_000, 4_711, { loneSurrogates: true });

interface TokenizerFile {
  readonly model: { readonly vocab: Readonly<Record<string, number>>; readonly merges?: readonly string[][] };
  readonly added_tokens: readonly { readonly content: string; lstrip: boolean }[];
}

const utf8 = (text: string) => new TextEncoder().encode(text);

/** What transformers makes of the files: its mask token takes the white space before it in some families. */
function expectedJson({ json }: TokenizerFixture, maskStripsLeft: boolean): string {
  const file = JSON.parse(json) as TokenizerFile;
  for (const token of file.added_tokens) if (/^(<mask>|\[MASK\])$/.test(token.content)) token.lstrip = maskStripsLeft;
  return JSON.stringify(file);
}

function filesOf({ json, config }: TokenizerFixture): MemoryFiles {
  const { vocab, merges } = (JSON.parse(json) as TokenizerFile).model;
  const lines: string[] = [];
  for (const [token, id] of Object.entries(vocab)) lines[id] = token;
  const contents: Record<string, string> =
    merges === undefined
      ? { "vocab.txt": `${lines.join("\n")}\n` }
      : {
          "vocab.json": JSON.stringify(vocab),
          "merges.txt": `#version: 0.2\n${merges.map((merge) => merge.join(" ")).join("\n")}\n`,
        };
  const files = { ...contents, "tokenizer_config.json": config };
  return new MemoryFiles(Object.fromEntries(Object.entries(files).map(([name, text]) => [name, utf8(text)])));
}

describe.each([
  ["bert-cased-old-names", false],
  ["distilbert", false],
  ["electra", false],
  ["mpnet", true],
  ["roberta", true],
  ["roberta-prefix-space", true],
])("%s", (family, maskStripsLeft) => {
  const fixture = tokenizerFixture(family);

  test("texts", async () => {
    const tokenizer = await readTokenizer(filesOf(fixture), fixture.modelType);
    expect(await differences(tokenizer, theirTokenizer(expectedJson(fixture, maskStripsLeft)), texts)).toEqual([]);
  });

  test("the template of a pair, and the vocabulary", async () => {
    const tokenizer = await readTokenizer(filesOf(fixture), fixture.modelType);
    const whole = tokenizerOf(fixture);
    expect(tokenizer.pair).toEqual(whole.pair);
    expect(tokenizer.vocabularySize).toBe(whole.vocabularySize);
  });
});
