/**
 * What the two kernels of matmuls without tensor cores have in common (`matmul.ts`, `turned-matmul.ts`): where a workgroup's
 * tile is and an invocation's place in it, the loop along the inner dimension, and how the parts become a source.
 */
import { assemble, type KernelSource } from "../../wgsl/kernel-source.ts";
import { extentText } from "../../wgsl/storage.ts";
import { placeOfInvocation } from "../thread-swizzle.ts";
import { type Pipeline, pipelined } from "./mainloop.ts";
import type { Finish, MatmulParts } from "./matmul-common.ts";
import { apartOf, invocationsOf, type MatmulTile, memoryOf, stepOf } from "./tiles.ts";

/** What a kernel does in its own way, as WGSL. */
export interface PlainMatmul {
  /** Declarations of workgroup memory. */
  readonly memory: readonly string[];
  /** Elements that come into registers. */
  readonly brought: "f32" | "f16";
  /** Of a right operand that is not transposed, the function that loads it. */
  readonly loadRight: () => string;
  readonly multiply: () => readonly string[];
  readonly epilogue: (finish: Finish) => readonly string[];
}

export function plainMatmulSource(parts: MatmulParts, tile: MatmulTile, own: PlainMatmul): KernelSource {
  const { rows, columns } = tile;
  parts.checkShares(tile);
  const invocations = invocationsOf(tile);
  const [ys, xs] = apartOf(tile);
  const left = parts.loadLeft(own.brought, stepOf(tile));
  const right = parts.isRightTransposed ? parts.loadRight(own.brought, stepOf(tile)) : own.loadRight();
  const finish = parts.finish();
  const body = [
    `let first_row = group.y * ${rows}u;`,
    `let first_column = group.x * ${columns}u;`,
    "let batch = group.z;",
    `let part = local_index / ${ys * xs}u;`,
    ...placeOfInvocation(`local_index % ${ys * xs}u`, xs, ys),
    ...parts.computeScalars(rows, invocations),
    ...own.multiply(),
    ...own.epilogue(finish),
  ];
  const declarations = [...own.memory, ...parts.scalarMemory(rows), left, right, finish.source];
  return {
    ...assemble(parts.bindings, { declarations, workgroupSize: [invocations], body }),
    ...parts.workgroups(rows, columns),
    workgroupMemory: memoryOf(tile),
    workgroupSize: invocations,
  };
}

/** The loop over the steps along the inner dimension, or along the workgroup's share of it. */
export function alongDepth(
  { depth, shares, shareStart }: MatmulParts,
  tile: MatmulTile,
  pipeline: Pick<Pipeline, "ahead" | "fetch" | "keep" | "multiply">,
): string[] {
  const step = stepOf(tile);
  if (typeof depth === "number") {
    return pipelined({ ...pipeline, step, from: shareStart, steps: Math.ceil(depth / step / shares) });
  }
  const steps = `let steps = (${extentText(depth)} + ${step - 1}u) / ${step}u;`;
  return [steps, ...pipelined({ ...pipeline, step, steps: "steps" })];
}
