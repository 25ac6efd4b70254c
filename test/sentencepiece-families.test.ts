/** Tokenizers from SentencePiece's files alone: rows that transformers 5.17 made from them once. */
import { describe, expect, test } from "vitest";
import { fromSentencePiece } from "../src/text/testing.ts";
import { makeWindows } from "../src/text/windows.ts";
import { compared } from "./support/huggingface.ts";
import { tokenizerFixture } from "./support/tokenizer-fixtures.ts";

/** Longer than any row. */
const LIMITS = { maxSequenceLength: 1_000, docStride: 0 };

describe.each(["albert", "deberta-v2", "xlm-roberta"])("%s", (family) => {
  const { sentencePiece, config, modelType } = tokenizerFixture(family);
  if (sentencePiece === undefined) throw new Error(`${family} has no file of SentencePiece`);
  const { name, bytes, rows } = sentencePiece;
  const files = { model: bytes, tokenizerConfig: config };
  const tokenizer = fromSentencePiece(files, name, modelType);
  const idsOf = (tokens: readonly { readonly id: number }[]) => tokens.map(({ id }) => id);
  const { before, between, after } = tokenizer.pair;

  test("texts", () => {
    for (const row of rows.single) {
      const { ids, offsets, words } = compared(tokenizer.encode(row.text));
      const { text } = row;
      expect({ text, ids: [...idsOf(before), ...ids, ...idsOf(after)] }).toEqual({ text, ids: row.ids });
      expect({ text, offsets: [[0, 0], ...offsets, [0, 0]] }).toEqual({ text, offsets: row.offsets });
      expect({ text, words: [null, ...words, null] }).toEqual({ text, words: row.words });
    }
  });

  test("pairs of a question and a text", () => {
    for (const row of rows.pair) {
      const [question, context] = [tokenizer.encode(row.question), tokenizer.encode(row.context)];
      const [window] = [...makeWindows(question, context, tokenizer.pair, LIMITS)];
      expect([...(window?.inputIds ?? [])]).toEqual(row.ids);
      expect([...(window?.tokenTypeIds ?? [])]).toEqual(row.type_ids);
      const [first, second] = [compared(question), compared(context)];
      const joined = <T, U>(one: readonly T[], other: readonly T[], special: U) => {
        const gap = between.map(() => special);
        return [special, ...one, ...gap, ...other, special];
      };
      expect(joined(first.offsets, second.offsets, [0, 0])).toEqual(row.offsets);
      expect(joined(first.words, second.words, null)).toEqual(row.words);
      const sequences = (count: number, index: number) => new Array<number>(count).fill(index);
      expect(joined(sequences(question.length, 0), sequences(context.length, 1), null)).toEqual(row.sequence_ids);
    }
  });
});
