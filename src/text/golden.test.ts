/** Compares the tokenizer with golden rows of Hugging Face's fast tokenizer for the built-in vocabulary. */
import { describe, expect, test } from "vitest";
import { builtin, codePointOffsets, fromVocabulary, readRepositoryFile, separatorsOf } from "./testing.ts";
import { makeWindows } from "./windows.ts";

interface SingleRow {
  readonly text: string;
  readonly ids: number[];
  readonly tokens: string[];
  readonly offsets: [number, number][];
}
interface PairRow {
  readonly question: string;
  readonly context: string;
  readonly ids: number[];
  readonly type_ids: number[];
  readonly offsets: [number, number][];
}
interface QuestionRow {
  readonly question: string;
  readonly context: string;
  readonly tokens: string[];
  readonly offsets: [number, number][];
}

const folder = "test/fixtures/golden/model";
const golden: { single: SingleRow[]; pair: PairRow[] } = JSON.parse(readRepositoryFile(`${folder}/tokenizer.json`));
const questions: QuestionRow[] = JSON.parse(readRepositoryFile(`${folder}/questions.json`));

const fromLines = fromVocabulary(
  readRepositoryFile("models/builtin/vocab.txt"),
  "vocab.txt",
  readRepositoryFile("models/builtin/tokenizer_config.json"),
);

describe.each([
  ["tokenizer.json", builtin],
  ["vocab.txt", fromLines],
])("from %s", (_name, tokenizer) => {
  const { cls, sep } = separatorsOf(tokenizer);

  test.each(golden.single)("single $text", (row) => {
    const encoding = tokenizer.encode(row.text);
    expect([cls, ...encoding.ids, sep]).toEqual(row.ids);
    expect(["[CLS]", ...Array.from(encoding.ids, (id) => tokenizer.token(id)), "[SEP]"]).toEqual(row.tokens);
    expect([[0, 0], ...codePointOffsets(encoding), [0, 0]]).toEqual(row.offsets);
  });

  test.each([...golden.pair, ...questions])("pair $question", (row) => {
    const question = tokenizer.encode(row.question);
    const context = tokenizer.encode(row.context);
    const windows = [...makeWindows(question, context, tokenizer.pair, { maxSequenceLength: 384, docStride: 128 })];
    expect(windows).toHaveLength(1);
    const ids = [...(windows[0]?.inputIds ?? [])];
    if ("ids" in row) {
      expect(ids).toEqual(row.ids);
      expect([...(windows[0]?.tokenTypeIds ?? [])]).toEqual(row.type_ids);
    } else {
      expect(ids.map((id) => tokenizer.token(id))).toEqual(row.tokens);
    }
    const offsets = [[0, 0], ...codePointOffsets(question), [0, 0], ...codePointOffsets(context), [0, 0]];
    expect(offsets).toEqual(row.offsets);
  });
});
