import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InputError } from "../errors.ts";
import type { Encoding } from "./encoding.ts";
import { bertTemplate, robertaTemplate } from "./pair-template.ts";
import { builtin } from "./testing.ts";
import { countWindows, makeWindows } from "./windows.ts";

const template = bertTemplate(101, 102);

function encodingOf(length: number, firstId: number): Encoding {
  const ids = Int32Array.from({ length }, (_, index) => firstId + index);
  return { text: "", length, ids, starts: ids, ends: ids, words: ids };
}

test("equal the windows of Hugging Face's only_second truncation", () => {
  const options = { maxSequenceLength: 10, docStride: 2 };
  const windows = [...makeWindows(encodingOf(2, 1), encodingOf(12, 200), template, options)];
  expect(windows.map(({ contextStart, contextEnd }) => [contextStart, contextEnd])).toEqual([
    [0, 5],
    [3, 8],
    [6, 11],
    [9, 12],
  ]);
  expect(windows[3]).toEqual({
    inputIds: new Int32Array([101, 1, 2, 102, 209, 210, 211, 102]),
    tokenTypeIds: new Int32Array([0, 0, 0, 0, 1, 1, 1, 1]),
    contextOffset: 4,
    contextStart: 9,
    contextEnd: 12,
  });
});

test("a context that just fits gives one window; an empty one gives none", () => {
  expect(countWindows(2, 5, template, { maxSequenceLength: 10, docStride: 2 })).toBe(1);
  expect(countWindows(2, 6, template, { maxSequenceLength: 10, docStride: 2 })).toBe(2);
  expect(countWindows(2, 0, template, { maxSequenceLength: 10, docStride: 2 })).toBe(0);
  expect([
    ...makeWindows(builtin.encode("?"), builtin.encode(" "), template, { maxSequenceLength: 9, docStride: 0 }),
  ]).toEqual([]);
});

test("every token is in a window, neighbours overlap exactly, none is too long", () => {
  const lengths = fc.record({
    question: fc.integer({ min: 0, max: 20 }),
    context: fc.integer({ min: 0, max: 300 }),
    capacity: fc.integer({ min: 1, max: 50 }),
    overlap: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  });
  fc.assert(
    fc.property(lengths, ({ question, context, capacity, overlap }) => {
      const docStride = Math.floor(overlap * capacity);
      const options = { maxSequenceLength: question + 3 + capacity, docStride };
      const contextIds = encodingOf(context, 1000);
      const windows = [...makeWindows(encodingOf(question, 1), contextIds, template, options)];
      expect(windows).toHaveLength(countWindows(question, context, template, options));
      for (const [index, window] of windows.entries()) {
        const next = windows[index + 1];
        expect(window.inputIds.length).toBeLessThanOrEqual(options.maxSequenceLength);
        expect(window.tokenTypeIds.length).toBe(window.inputIds.length);
        expect(window.contextEnd - (next?.contextStart ?? window.contextEnd - docStride)).toBe(docStride);
        const held = window.inputIds.subarray(window.contextOffset, -1);
        expect(held.join()).toBe(contextIds.ids.subarray(window.contextStart, window.contextEnd).join());
      }
      expect(windows[0]?.contextStart ?? 0).toBe(0);
      expect(windows.at(-1)?.contextEnd ?? 0).toBe(context);
    }),
    { numRuns: 1_000 },
  );
});

test("windows are made lazily", () => {
  const endless = { ...encodingOf(10, 0), length: 2 ** 30 };
  const windows = makeWindows(encodingOf(1, 1), endless, template, { maxSequenceLength: 8, docStride: 0 });
  expect(windows.next().value?.contextEnd).toBe(4);
});

describe("impossible combinations", () => {
  test.each([
    [10, { maxSequenceLength: 13, docStride: 0 }, /10 tokens.*maxSequenceLength 13/],
    [10, { maxSequenceLength: 20, docStride: 7 }, /docStride is 7.*maxSequenceLength 20.*only 7.*10/],
    [1, { maxSequenceLength: 20, docStride: -1 }, /docStride is -1/],
    [1, { maxSequenceLength: 20.5, docStride: 1 }, /maxSequenceLength is 20.5/],
    [1, { maxSequenceLength: Number.NaN, docStride: 1 }, /maxSequenceLength is NaN/],
  ])("question of %i tokens, %o", (question, options, message) => {
    expect(() => countWindows(question, 100, template, options)).toThrow(InputError);
    expect(() => countWindows(question, 100, template, options)).toThrow(message);
    expect(() => makeWindows(encodingOf(question, 1), encodingOf(9, 1), template, options).next()).toThrow(message);
  });
});

test("a template with two separators takes a token more, and has its own types", () => {
  const options = { maxSequenceLength: 10, docStride: 2 };
  const windows = [...makeWindows(encodingOf(2, 10), encodingOf(5, 200), robertaTemplate(0, 2), options)];
  expect(windows.map(({ inputIds }) => [...inputIds])).toEqual([
    [0, 10, 11, 2, 2, 200, 201, 202, 203, 2],
    [0, 10, 11, 2, 2, 202, 203, 204, 2],
  ]);
  expect([...(windows[0]?.tokenTypeIds ?? [])]).toEqual(Array(10).fill(0));
  expect(windows[1]).toMatchObject({ contextOffset: 5, contextStart: 2, contextEnd: 5 });
});
