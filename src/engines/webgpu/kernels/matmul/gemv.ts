/**
 * The kernel of matmuls with at most four columns, such as the head's two logits: a workgroup a row, as a tile of a
 * matmul would be nearly empty.
 */

import type { Extent, Value } from "../../../../program/program.ts";
import { transposed } from "../../../../program/views.ts";
import type { Kernel } from "../../../../schedule/schedule.ts";
import type { KernelBindings } from "../../wgsl/bindings.ts";
import { at, delinearize, zero } from "../../wgsl/coordinates.ts";
import { Block, type Given, maskTail } from "../../wgsl/expressions.ts";
import {
  assemble,
  indent,
  type KernelSource,
  linearGrid,
  linearGroup,
  productOf,
  productText,
  store,
} from "../../wgsl/kernel-source.ts";
import { extentText } from "../../wgsl/storage.ts";
import { rowScalars } from "./row-statistics.ts";

const invocations = 64;

/** Whether this kernel, not the tiled one, is for a matmul. */
export function isNarrow({ operation, shape }: Value): boolean {
  const columns = shape.at(-1);
  return (
    operation.kind === "matmul" && operation.right.shape.length === 2 && typeof columns === "number" && columns <= 4
  );
}

export function narrowMatmulKernel(
  { stores }: Kernel,
  matmul: Value,
  interior: readonly Value[],
  bindings: KernelBindings,
): KernelSource {
  if (matmul.operation.kind !== "matmul") throw new RangeError("a matmul kernel without a matmul");
  const { left, right } = matmul.operation;
  const leading = matmul.shape.slice(0, -1);
  const row = delinearize(at("row"), leading);
  const columns = Number(matmul.shape.at(-1));
  for (const value of stores) bindings.write(value);
  const given = new Map<Value, Given>();
  const block = new Block(bindings, given);
  for (const value of rowScalars(interior, matmul)) given.set(value, { scalar: block.scalar(value, [...row, zero]) });
  const inner = block.inner();
  const depth = left.shape.at(-1) as Extent;
  const vector = inner.vector(left, [...row, at("k", 4)]);
  inner.lines.push(`let part = ${maskTail(vector, "k", depth, "0.0f")};`);
  const dots = Array.from({ length: 4 }, (_, column) => {
    if (column >= columns) return "0.0f";
    return `dot(part, ${inner.vector(transposed(right), [at(`${column}u`), at("k", 4)])})`;
  });
  given.set(matmul, { vector: "product" });
  const last = new Block(bindings, given, block);
  const statements = stores.flatMap((value) => store(bindings, last, value, row, zero));
  const body = [
    `let row = ${linearGroup};`,
    `if (row >= ${productText(leading)}) { return; }`,
    ...block.lines,
    "var partial = vec4<f32>();",
    `for (var k = local_index * 4u; k < ${extentText(depth)}; k += ${invocations * 4}u) {`,
    ...indent([...inner.lines, `partial += vec4<f32>(${dots.join(", ")});`]),
    "}",
    "partials[local_index] = partial;",
    `for (var stride = ${invocations / 2}u; stride > 0u; stride /= 2u) {`,
    "  workgroupBarrier();",
    "  if (local_index < stride) { partials[local_index] += partials[local_index + stride]; }",
    "}",
    "if (local_index == 0u) {",
    ...indent(["let product = partials[0];", ...last.lines, ...statements]),
    "}",
  ];
  const declarations = [`var<workgroup> partials: array<vec4<f32>, ${invocations}>;`];
  return {
    ...assemble(bindings, { declarations, workgroupSize: [invocations], body }),
    workgroups: (extentOf) => linearGrid(productOf(leading, extentOf)),
    workgroupMemory: invocations * 16,
    workgroupSize: invocations,
  };
}
