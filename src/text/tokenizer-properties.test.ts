/** Properties of every encoding, and of encodeAsync. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { builtin, equalEncodings, smallTokenizer } from "./testing.ts";

const fragments = [
  " ",
  "\n",
  "hello",
  "World",
  "é",
  "e\u0301",
  "中",
  "😀",
  "[CLS]",
  "[MASK",
  "\ud800",
  "\udc00",
  "İ",
  ".",
];
const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.array(fc.constantFrom(...fragments), { maxLength: 60 }).map((parts) => parts.join("")),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 }).map((units) => String.fromCharCode(...units)),
);

describe("every text", () => {
  const cased = smallTokenizer(["a"], { lowercase: false, clean_text: false }, [
    { content: " e", normalized: true, lstrip: true },
    { content: "[MASK", rstrip: true, single_word: true },
  ]);

  test.each([
    ["built-in", builtin],
    ["with odd added tokens", cased],
  ])("offsets are in order, within the text and never inside a pair: %s", (_name, tokenizer) => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { length, ids, starts, ends, words } = tokenizer.encode(text);
        expect([ids.length, starts.length, ends.length, words.length]).toEqual([length, length, length, length]);
        for (let index = 0; index < length; index++) {
          const [start = -1, end = -1] = [starts[index], ends[index]];
          expect(start).toBeGreaterThanOrEqual(index === 0 ? 0 : (starts[index - 1] as number));
          expect(end).toBeGreaterThan(start);
          expect(end).toBeLessThanOrEqual(text.length);
          expect(splitsPair(text, start) || splitsPair(text, end)).toBe(false);
          const step = (words[index] as number) - (index === 0 ? 0 : (words[index - 1] as number));
          expect(index === 0 ? step === 0 : step === 0 || step === 1).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("concatenation before white space concatenates the ids", () => {
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 6 }), (parts) => {
        const pieces = parts.map((part) => ` ${part}`);
        const ids = pieces.flatMap((piece) => [...builtin.encode(piece).ids]);
        expect([...builtin.encode(pieces.join("")).ids]).toEqual(ids);
      }),
      { numRuns: 500 },
    );
  });

  test("tokenising in pieces equals tokenising at once", () => {
    // An added token that strips white space in the normalised text disables the pieces.
    const added = [{ content: "never-in-there", normalized: true, lstrip: true }];
    const words = ["hello", "##world", "e", "##e", "中"];
    const [inPieces, atOnce] = [smallTokenizer(words), smallTokenizer(words, {}, added)];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...fragments, ","), { minLength: 50, maxLength: 50 }), (parts) => {
        const text = parts.join("").repeat(500);
        expect(equalEncodings(inPieces.encode(text), atOnce.encode(text))).toBe(true);
      }),
      { numRuns: 10 },
    );
  });
});

function splitsPair(text: string, at: number): boolean {
  return (text.codePointAt(at - 1) ?? 0) > 0xffff;
}

describe("encodeAsync", () => {
  test("equals encode", async () => {
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        expect(await builtin.encodeAsync(text)).toEqual(builtin.encode(text));
      }),
      { numRuns: 300 },
    );
  });

  const long = "Ein Café, 中文 and [MASK] in between. ".repeat(60_000);

  test("yields to the event loop, reports progress, and runs concurrently", async () => {
    const progress: number[] = [];
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const onProgress = (done: number, total: number) => {
      expect(total).toBe(long.length);
      progress.push(done);
    };
    const [first, second] = await Promise.all([builtin.encodeAsync(long, { onProgress }), builtin.encodeAsync(long)]);
    clearInterval(timer);
    expect(equalEncodings(first, second)).toBe(true);
    expect(equalEncodings(first, builtin.encode(long))).toBe(true);
    expect(turns).toBeGreaterThan(1);
    expect(progress.length).toBeGreaterThan(2);
    expect(progress).toEqual([...progress].sort((left, right) => left - right));
    expect(progress.at(-1)).toBe(long.length);
  });

  test("can be cancelled, before and during", async () => {
    const reason = new Error("enough");
    await expect(builtin.encodeAsync("a", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const onProgress = () => controller.abort(reason);
    await expect(builtin.encodeAsync(long, { signal: controller.signal, onProgress })).rejects.toBe(reason);
  });
});
