import type { Value } from "../../src/program/program.ts";

/** Whether a matmul has so few columns that a kernel of its own is for it, not a tiled one. */
export function isGemv({ operation, shape }: Value): boolean {
  const columns = shape.at(-1);
  const isPlain = operation.kind === "matmul" && operation.right.shape.length === 2;
  return isPlain && typeof columns === "number" && columns <= 4;
}
