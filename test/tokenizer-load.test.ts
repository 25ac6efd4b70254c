/** How long a large vocabulary takes to load, beside JSON.parse, and a megabyte of text to tokenise. */
import { expect, test } from "vitest";
import { seededUniform } from "../src/tensor/random.ts";
import { builtinJson, fromTokenizerJson, readRepositoryFile } from "../src/text/testing.ts";

const PIECES = 250_000;
/** Of the time of JSON.parse. */
const MAX_RATIO = 2.5;
const MEGABYTE = 1_000_000;
/** For a megabyte of text. */
const MAX_MS = 1_000;
const ROUNDS = 8;

const METASPACE = { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true };
const names = ["<s>", "<pad>", "</s>", "<unk>"];
const separators = { sep: ["</s>", 2], cls: ["<s>", 0] };

/** As many pieces as XLM-RoBERTa has, of its lengths, of three scripts. */
function largeTokenizer(): string {
  const random = seededUniform(1);
  const pieces = new Set([...names, ..."▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,-"]);
  const words = readRepositoryFile("docs/semantics.md").split(/\s+/);
  for (const word of words) pieces.add(`▁${word}`);
  while (pieces.size < PIECES) {
    const first = [0x61, 0x430, 0x4e00][Math.floor(random() * 3)] ?? 0x61;
    const letters = Array.from({ length: 1 + Math.floor(random() * 10) }, () => first + Math.floor(random() * 26));
    pieces.add((random() < 0.5 ? "▁" : "") + String.fromCodePoint(...letters));
  }
  const vocab = [...pieces].map((piece, id) => [piece, id < names.length ? 0 : -4 - random() * 10]);
  return JSON.stringify({
    added_tokens: names.map((content, id) => {
      return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
    }),
    normalizer: null,
    pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, METASPACE] },
    post_processor: { type: "RobertaProcessing", ...separators, trim_offsets: false, add_prefix_space: false },
    model: { type: "Unigram", unk_id: 3, vocab },
  });
}

/** Of the processor, milliseconds: what else the machine does counts little. */
function time(run: () => unknown): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

test("a vocabulary of 250,000 pieces, and a megabyte of text", () => {
  const json = largeTokenizer();
  const tokenizer = fromTokenizerJson(json);
  const document = readRepositoryFile("docs/semantics.md");
  const text = document.repeat(Math.ceil(MEGABYTE / document.length)).slice(0, MEGABYTE);
  const letters = "a".repeat(MEGABYTE);
  // The best of some rounds, in which all take turns: a busy machine slows all of them.
  const rounds = Array.from({ length: ROUNDS }, () => [
    time(() => JSON.parse(json)),
    time(() => fromTokenizerJson(json)),
    time(() => tokenizer.encode(text)),
    time(() => tokenizer.encode(letters)),
  ]);
  const [parsing = 0, loading = 0, ofText = 0, ofLetters = 0] = [0, 1, 2, 3].map((column) =>
    Math.min(...rounds.map((times) => times[column] ?? 0)),
  );
  const ratio = loading / parsing;
  console.log(
    `JSON.parse ${parsing.toFixed(0)} ms, loading ${loading.toFixed(0)} ms (${ratio.toFixed(2)} times); ` +
      `a megabyte of text ${ofText.toFixed(0)} ms, of one letter ${ofLetters.toFixed(0)} ms`,
  );
  expect(ratio).toBeLessThan(MAX_RATIO);
  expect(Math.max(ofText, ofLetters)).toBeLessThan(MAX_MS);
});

test("a megabyte of text with the built-in tokenizer", () => {
  const tokenizer = fromTokenizerJson(builtinJson);
  expect(tokenizer.encode("a".repeat(MEGABYTE)).length).toBe(1);
});
