/**
 * The tokenizers of all families against Hugging Face's: rows that its libraries made once, and thousands of generated
 * texts given to both. `npm run test:long` compares a hundred thousand.
 */
import { describe, expect, test } from "vitest";
import { builtin, builtinJson } from "../src/text/testing.ts";
import { makeWindows } from "../src/text/windows.ts";
import { awkwardTexts } from "./support/awkward-texts.ts";
import { compared, differences, theirTokenizer } from "./support/huggingface.ts";
import { tokenizerFamilies, tokenizerFixture, tokenizerOf } from "./support/tokenizer-fixtures.ts";

const TEXTS = 5_000;
/** Longer than any row. */
const LIMITS = { maxSequenceLength: 1_000, docStride: 0 };

const texts = awkwardTexts(TEXTS, 20_261, { loneSurrogates: true });

describe.each(tokenizerFamilies)("%s", (family) => {
  const fixture = tokenizerFixture(family);
  const tokenizer = tokenizerOf(fixture);
  const unknown = (JSON.parse(fixture.json) as { model: { unk_id?: number } }).model.unk_id;
  const { before, after, between } = tokenizer.pair;
  const idsOf = (tokens: readonly { readonly id: number }[]) => tokens.map(({ id }) => id);

  test("texts", () => {
    for (const row of fixture.rows.single) {
      const { ids, offsets, words } = compared(tokenizer.encode(row.text));
      const all = [...idsOf(before), ...ids, ...idsOf(after)];
      expect({ text: row.text, ids: all }).toEqual({ text: row.text, ids: row.ids });
      // Theirs names Unigram's unknown tokens by what they stand for.
      expect(all.map((id, at) => (id === unknown ? row.tokens[at] : tokenizer.token(id)))).toEqual(row.tokens);
      expect([[0, 0], ...offsets, [0, 0]]).toEqual(row.offsets);
      expect([null, ...words, null]).toEqual(row.words);
    }
  });

  test("pairs of a question and a text", () => {
    for (const row of fixture.rows.pair) {
      const [question, context] = [tokenizer.encode(row.question), tokenizer.encode(row.context)];
      const [window, ...more] = [...makeWindows(question, context, tokenizer.pair, LIMITS)];
      expect(more).toEqual([]);
      expect([...(window?.inputIds ?? [])]).toEqual(row.ids);
      expect([...(window?.tokenTypeIds ?? [])]).toEqual(row.type_ids);
      const [first, second] = [compared(question), compared(context)];
      /** The values of both sequences with one for each special token between them. */
      const joined = <T, U>(one: readonly T[], other: readonly T[], special: U) => {
        return [
          ...before.map(() => special),
          ...one,
          ...between.map(() => special),
          ...other,
          ...after.map(() => special),
        ];
      };
      expect(joined(first.offsets, second.offsets, [0, 0])).toEqual(row.offsets);
      expect(joined(first.words, second.words, null)).toEqual(row.words);
      const sequences = (count: number, index: number) => new Array<number>(count).fill(index);
      expect(joined(sequences(question.length, 0), sequences(context.length, 1), null)).toEqual(row.sequence_ids);
    }
  });

  test("generated texts", async () => {
    expect(await differences(tokenizer, theirTokenizer(fixture.json), texts)).toEqual([]);
  });
});

test("the built-in tokenizer: generated texts", async () => {
  expect(await differences(builtin, theirTokenizer(builtinJson), texts)).toEqual([]);
});
