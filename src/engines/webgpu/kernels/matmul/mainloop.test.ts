/**
 * The loop of a matmul's steps, evaluated: whatever the number of steps and of sets of registers, every step is
 * multiplied once, in order, with what was loaded for it.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { mainloop } from "./mainloop.ts";

/** A loop, and how many steps it takes when it runs. */
interface Loop {
  readonly steps: number | string;
  readonly step: number;
  readonly prefetchStages: number;
  readonly count: number;
}

/**
 * Runs the statements as JavaScript, which they are but for types and suffixes.
 * @returns the steps multiplied, by where they begin.
 * @throws if the operand tiles are read or overwritten without a barrier in between.
 */
function multiplied({ steps, step, prefetchStages, count }: Loop): number[] {
  const lines = mainloop({
    steps,
    step,
    prefetchStages,
    loadFromGlobal: (set) => [`registers[${set}] = k0;`],
    storeToShared: (set) => [`keep(registers[${set}]);`],
    multiply: () => ["multiply();"],
  });
  const text = lines
    .join("\n")
    .replaceAll("workgroupBarrier();", "barriers++;")
    .replaceAll(/(\d)u\b/g, "$1")
    .replaceAll(/\((steps \+ \d+)\) \/ (\d+)/g, "Math.floor(($1) / $2)")
    .replaceAll("min(", "Math.min(");
  const source = `
    let barriers = 0, tiles, written, read;
    const [registers, multiplied] = [[], []];
    const keep = (value) => {
      if (read === barriers) throw new Error("written before all have read them");
      tiles = value;
      written = barriers;
    };
    const multiply = () => {
      if (written === barriers) throw new Error("read before all have written them");
      multiplied.push(tiles);
      read = barriers;
    };
    ${text}
    return [multiplied, barriers];`;
  const [starts, barriers] = new Function("steps", source)(count) as [number[], number];
  expect(barriers).toBe(2 * count);
  return starts;
}

test("every step is multiplied once, in order", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 4 }),
      fc.boolean(),
      (count, prefetchStages, isKnown) => {
        const expected = Array.from({ length: count }, (_, index) => 32 * index);
        expect(multiplied({ steps: isKnown ? count : "steps", step: 32, prefetchStages, count })).toEqual(expected);
      },
    ),
  );
});

test("as many steps as prefetch stages are in flight", () => {
  const text = mainloop({
    steps: 6,
    step: 32,
    prefetchStages: 3,
    loadFromGlobal: (set) => [`fetch${set}();`],
    storeToShared: (set) => [`keep${set}();`],
    multiply: () => ["multiply();"],
  }).join("\n");
  const calls = text.match(/fetch\d|keep\d|multiply/g);
  // Before the loop, and in it.
  expect(calls?.slice(0, 3)).toEqual(["fetch0", "fetch1", "fetch2"]);
  expect(calls?.slice(3, 6)).toEqual(["keep0", "fetch0", "multiply"]);
});
