/**
 * Every component of tokenizer.json, with every setting and in random combinations, against Hugging Face's: ids, offsets
 * and words of texts, also of long ones, which are tokenised in pieces; ids and types of pairs.
 *
 * `docs/tokenizers.md` lists what differs on purpose; `random-tokenizers.ts` makes none of it.
 */
import { expect, test } from "vitest";
import { fromTokenizerJson } from "../src/text/testing.ts";
import { makeWindows } from "../src/text/windows.ts";
import { awkwardTexts } from "./support/awkward-texts.ts";
import { differences, theirTokenizer } from "./support/huggingface.ts";
import { randomTokenizer } from "./support/random-tokenizers.ts";

const TOKENIZERS = 400;
const TEXTS = 50;

const made = (seed: number, texts: readonly string[]) => {
  const json = JSON.stringify(randomTokenizer(seed, texts));
  return { ours: fromTokenizerJson(json), theirs: theirTokenizer(json) };
};

test("texts", async () => {
  for (let seed = 1; seed <= TOKENIZERS; seed++) {
    const texts = awkwardTexts(TEXTS, seed, { loneSurrogates: true });
    const { ours, theirs } = made(seed, texts.slice(0, 30));
    expect({ seed, differences: await differences(ours, theirs, texts, 1) }).toEqual({ seed, differences: [] });
  }
});

test("long texts", async () => {
  for (let seed = 1; seed <= TOKENIZERS / 10; seed++) {
    const texts = awkwardTexts(900, seed);
    const { ours, theirs } = made(seed, texts.slice(0, 30));
    expect(await differences(ours, theirs, [texts.join("")], 1), `seed ${seed}`).toEqual([]);
  }
});

test("pairs", async () => {
  for (let seed = 1; seed <= TOKENIZERS; seed++) {
    const texts = awkwardTexts(8, seed).filter((text) => text !== "");
    const { ours, theirs } = made(seed, texts);
    for (const [index, context] of texts.entries()) {
      const question = texts[(index + 1) % texts.length] ?? "";
      const expected = await theirs.encode(question, context, { addSpecialTokens: true });
      const encodings = [ours.encode(question), ours.encode(context)] as const;
      if (encodings[1].length === 0) continue;
      const [window] = makeWindows(...encodings, ours.pair, { maxSequenceLength: 10_000, docStride: 0 });
      expect({ seed, ids: [...(window?.inputIds ?? [])] }).toEqual({ seed, ids: expected.getIds() });
      expect([...(window?.tokenTypeIds ?? [])]).toEqual(expected.getTypeIds());
    }
  }
});
