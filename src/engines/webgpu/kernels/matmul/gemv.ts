/**
 * Matrix-vector products: matmuls with at most four columns, such as the head's two logits, of which a matmul's tile would be
 * nearly empty. A workgroup computes a row.
 */
import type { Extent, Value } from "../../../../program/program.ts";
import { transposed } from "../../../../program/views.ts";
import { at, delinearize, zero } from "../../wgsl/coordinates.ts";
import { bytesOf, indent, type WorkgroupVariable } from "../../wgsl/declarations.ts";
import { Block, type Given, maskTail } from "../../wgsl/expressions.ts";
import { assemble, declareRow, type KernelSource, rowGrid, store } from "../../wgsl/kernel-source.ts";
import { extentText } from "../../wgsl/storage.ts";
import { type EmitRequest, type FixedTile, fixedTile, type KernelFamily, type Problem } from "../family.ts";
import { operandsOfMatmul } from "./problem.ts";
import { rowStatistics } from "./row-statistics.ts";

export const gemv: KernelFamily<Problem, FixedTile> = {
  name: "gemv",
  accepts: ({ template }) => {
    const isOurs = template.kind === "matmul" && template.statistics === undefined && hasFewColumns(template.matmul);
    return isOurs ? { shape: template.matmul.shape } : undefined;
  },
  ...fixedTile(64),
  workgroupVariables: ({ threads }) => [partialsOf(threads)],
  hasGrid: false,
  emit,
};

const partialsOf = (threads: number): WorkgroupVariable => ({ name: "partials", element: "vec4<f32>", count: threads });

function hasFewColumns({ operation, shape }: Value): boolean {
  const columns = shape.at(-1);
  const isPlain = operation.kind === "matmul" && operation.right.shape.length === 2;
  return isPlain && typeof columns === "number" && columns <= 4;
}

function emit({ kernel, interior, bindings, declarations }: EmitRequest, { threads }: FixedTile): KernelSource {
  const { template, stores } = kernel;
  if (template.kind !== "matmul") throw new RangeError(`a kernel of ${template.kind} is no matmul`);
  const { matmul } = template;
  const { left, right } = operandsOfMatmul(matmul);
  const leading = matmul.shape.slice(0, -1);
  const row = delinearize(at("row"), leading);
  const columns = Number(matmul.shape.at(-1));
  for (const value of stores) bindings.write(value);
  const given = new Map<Value, Given>();
  const block = new Block(bindings, given);
  for (const value of rowStatistics(interior, matmul))
    given.set(value, { scalar: block.scalar(value, [...row, zero]) });
  const inner = block.inner();
  const k = left.shape.at(-1) as Extent;
  const vector = inner.vector(left, [...row, at("k", 4)]);
  inner.lines.push(`let part = ${maskTail(vector, "k", k, "0.0f")};`);
  const dots = Array.from({ length: 4 }, (_, column) => {
    if (column >= columns) return "0.0f";
    return `dot(part, ${inner.vector(transposed(right), [at(`${column}u`), at("k", 4)])})`;
  });
  given.set(matmul, { vector: "product" });
  const last = new Block(bindings, given, block);
  const statements = stores.flatMap((value) => store(bindings, last, value, row, zero));
  const partials = declarations.workgroup(partialsOf(threads));
  const body = [
    ...declareRow(leading),
    ...block.lines,
    "var partial = vec4<f32>();",
    `for (var k = local_index * 4u; k < ${extentText(k)}; k += ${threads * 4}u) {`,
    ...indent([...inner.lines, `partial += vec4<f32>(${dots.join(", ")});`]),
    "}",
    `${partials}[local_index] = partial;`,
    `for (var stride = ${threads / 2}u; stride > 0u; stride /= 2u) {`,
    "  workgroupBarrier();",
    `  if (local_index < stride) { ${partials}[local_index] += ${partials}[local_index + stride]; }`,
    "}",
    "if (local_index == 0u) {",
    ...indent([`let product = ${partials}[0];`, ...last.lines, ...statements]),
    "}",
  ];
  const workgroupMemory = bytesOf([partialsOf(threads)]);
  return {
    ...assemble(bindings, { declarations, workgroupSize: threads, workgroupMemory, body }),
    ...rowGrid(leading),
  };
}
