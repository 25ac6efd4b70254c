import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MergedReads } from "./merged-reads.ts";

const file = Uint8Array.from({ length: 1000 }, (_, index) => index % 251);

function readerOf(bytes: Uint8Array) {
  const calls: [start: number, end: number][] = [];
  const reads = new MergedReads(async (start, end) => {
    calls.push([start, end]);
    return bytes.slice(start, end);
  });
  return { calls, reads };
}

describe("concurrent reads", () => {
  test("return the right bytes for ranges in any order, overlapping, empty or disjoint", async () => {
    const range = fc.tuple(fc.nat(1000), fc.nat(1000)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
    await fc.assert(
      fc.asyncProperty(fc.array(range, { maxLength: 20 }), async (ranges) => {
        const { reads } = readerOf(file);
        const results = await Promise.all(ranges.map(([start, end]) => reads.read(start, end)));
        expect(results).toEqual(ranges.map(([start, end]) => file.slice(start, end)));
      }),
    );
  });

  test("take one call per contiguous range, and another for later reads", async () => {
    const { calls, reads } = readerOf(file);
    await Promise.all([reads.read(20, 30), reads.read(0, 10), reads.read(10, 20), reads.read(40, 50)]);
    await reads.read(30, 40);
    expect(calls).toEqual([
      [0, 30],
      [40, 50],
      [30, 40],
    ]);
  });

  test("are not merged beyond 8 MiB", async () => {
    const megabytes = 2 ** 20;
    const { calls, reads } = readerOf(new Uint8Array(20 * megabytes));
    await Promise.all([5, 0, 15, 10].map((at) => reads.read(at * megabytes, (at + 5) * megabytes)));
    expect(calls.map(([start, end]) => (end - start) / megabytes)).toEqual([5, 5, 5, 5]);
  });

  test("fail together only within a merged range", async () => {
    const reads = new MergedReads(async (start, end) => {
      if (start === 0) throw new Error("the disk is gone");
      return file.slice(start, end);
    });
    const [first, second, separate] = await Promise.allSettled([reads.read(0, 1), reads.read(1, 2), reads.read(5, 6)]);
    expect([first, second].map((result) => result?.status)).toEqual(["rejected", "rejected"]);
    expect(separate).toEqual({ status: "fulfilled", value: file.slice(5, 6) });
  });
});
