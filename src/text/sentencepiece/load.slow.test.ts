/** A model file of the size of XLM-RoBERTa's is read in less than half a second. */
import { expect, test } from "vitest";
import { seededUniform } from "../../tensor/random.ts";
import { fromSentencePiece } from "../testing.ts";
import { encodeModel } from "./testing/model-writer.ts";

const PIECES = 250_000;
const MAX_MS = 500;

test("250,000 pieces", () => {
  const random = seededUniform(1);
  const letters = [..."abcdefghijklmnopqrstuvwxyzéüñабвгд中文字日本語"];
  const word = () =>
    Array.from({ length: 2 + Math.floor(random() * 8) }, () => letters[Math.floor(random() * letters.length)]).join("");
  const pieces = Array.from(
    { length: PIECES },
    (_, id) => [`${id % 2 === 0 ? "\u2581" : ""}${word()}`, -id / 20_000] as const,
  );
  const model = encodeModel({ pieces: [["<unk>", 0, 2], ["<s>", 0, 3], ["</s>", 0, 3], ...pieces] });
  const time = () => {
    // CPU time of this process, independent of the machine's load.
    const before = process.cpuUsage();
    fromSentencePiece({ model }, "sentencepiece.bpe.model", "xlm-roberta");
    return process.cpuUsage(before).user / 1000;
  };
  const times = Array.from({ length: 3 }, time);
  expect(Math.min(...times)).toBeLessThan(MAX_MS);
});
