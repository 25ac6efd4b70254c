/** The grid positions of a workgroup's invocations, evaluated from the kernels' text. */
import { expect, test } from "vitest";
import { threadSwizzle } from "./thread-swizzle.ts";

/** Evaluates declarations of WGSL in which all numbers are u32. */
function evaluate(lines: readonly string[], index: number): { readonly x: number; readonly y: number } {
  const statements = lines.map((line) =>
    line.replaceAll(/(\d+)u\b/g, "$1").replaceAll(/(\w+|\([^()]*\)) \/ (\d+)/g, "Math.floor($1 / $2)"),
  );
  return new Function("local_index", `${statements.join("\n")}\nreturn { x, y };`)(index);
}

test.each([
  [16, 8],
  [8, 8],
  [16, 12],
  [8, 4],
  [4, 8],
  [12, 4],
  [8, 2],
])("each place of %i by %i belongs to one invocation", (width, height) => {
  const lines = threadSwizzle("local_index", width, height);
  const places = Array.from({ length: width * height }, (_, index) => evaluate(lines, index));
  for (const { x, y } of places) expect([x < width, y < height]).toEqual([true, true]);
  expect(new Set(places.map(({ x, y }) => y * width + x)).size).toBe(width * height);
});

test("four neighbours form a block of two rows and two columns where the grid allows it", () => {
  const lines = threadSwizzle("local_index", 8, 4);
  expect([0, 1, 2, 3].map((index) => evaluate(lines, index))).toEqual([
    { x: 0, y: 0 },
    { x: 1, y: 0 },
    { x: 0, y: 1 },
    { x: 1, y: 1 },
  ]);
});
