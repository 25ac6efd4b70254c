/** A hundred thousand generated texts for each tokenizer, given to Hugging Face's as well. */
import { expect, test } from "vitest";
import { builtin, builtinJson } from "../../src/text/testing.ts";
import type { Tokenizer } from "../../src/text/tokenizer.ts";
import { awkwardTexts } from "../support/awkward-texts.ts";
import { differences, type TheirTokenizer, theirTokenizer } from "../support/huggingface.ts";
import { tokenizerFamilies, tokenizerFixture, tokenizerOf } from "../support/tokenizer-fixtures.ts";

const ROUNDS = 20;
const TEXTS = 5_000;

async function compare(ours: Tokenizer, theirs: TheirTokenizer): Promise<void> {
  // In rounds: all texts at once take some hundred megabytes.
  for (let round = 0; round < ROUNDS; round++) {
    const texts = awkwardTexts(TEXTS, 1_000 + round, { loneSurrogates: true });
    expect(await differences(ours, theirs, texts)).toEqual([]);
  }
}

test.each(tokenizerFamilies)("%s", async (family) => {
  const fixture = tokenizerFixture(family);
  await compare(tokenizerOf(fixture), theirTokenizer(fixture.json));
});

test("the built-in tokenizer", () => compare(builtin, theirTokenizer(builtinJson)));
