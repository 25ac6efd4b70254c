/**
 * The kernel of rows: LayerNorm, softmax, and every reduction with what is computed from it.
 *
 * One workgroup owns a row. Each reduction is a pass over the row: the invocations add up every 64th vector, then each
 * other's sums in a tree, so that all know the result. What is computed on the way to the next pass is computed again,
 * from what is in cache by then, rather than kept.
 */
import type { Kernel } from "../../../passes/schedule.ts";
import type { Operation, Shape, Value } from "../../../program/program.ts";
import type { KernelBindings } from "../codegen/bindings.ts";
import { at, type Coordinate, delinearize, zero } from "../codegen/coordinates.ts";
import { acrossLanes, Block, type Given, lowest, maskTail } from "../codegen/expressions.ts";
import {
  assemble,
  indent,
  type KernelSource,
  linearGrid,
  linearGroup,
  productOf,
  productText,
  store,
} from "../codegen/kernel-source.ts";
import { extentText } from "../codegen/storage.ts";

const invocations = 64;

type Reduction = Extract<Operation, { kind: "reduce" }>;

/**
 * @param interior what the kernel computes, in order.
 */
export function rowsKernel({ stores }: Kernel, interior: readonly Value[], bindings: KernelBindings): KernelSource {
  const rows = rowsReduced(interior);
  const leading = rows.slice(0, -1);
  const row = delinearize(at("row"), leading);
  for (const value of stores) bindings.write(value);
  const given = new Map<Value, Given>();
  const block = new Block(bindings, given);
  for (const value of interior) {
    if (value.operation.kind !== "reduce" || value.operation.operand.shape.join() !== rows.join()) continue;
    given.set(value, { scalar: reduction(bindings, block, value.operation, row) });
  }
  const [narrow, wide] = [stores.filter(isNarrow), stores.filter((value) => !isNarrow(value))];
  const narrowStores = narrow.flatMap((value) => store(bindings, block, value, row, zero));
  if (narrow.length > 0) block.lines.push("if (local_index == 0u) {", ...indent(narrowStores), "}");
  if (wide.length > 0) {
    const inner = block.inner();
    const statements = wide.flatMap((value) => store(bindings, inner, value, row, at("column", 4)));
    block.lines.push(...overColumns("column", rows, [...inner.lines, ...statements]));
  }
  const body = [`let row = ${linearGroup};`, `if (row >= ${productText(leading)}) { return; }`, ...block.lines];
  return {
    code: assemble(bindings, { declarations: [acrossWorkgroup], workgroupSize: [invocations], body }),
    bindings: bindings.bindings,
    workgroups: (extentOf) => linearGrid(productOf(leading, extentOf)),
    workgroupMemory: invocations * 4,
    workgroupSize: invocations,
  };
}

const isNarrow = ({ shape }: Value): boolean => (shape.at(-1) ?? 1) === 1;

function rowsReduced(interior: readonly Value[]): Shape {
  for (const { operation } of interior.toReversed()) if (operation.kind === "reduce") return operation.operand.shape;
  throw new RangeError("a kernel of rows that reduces none");
}

/** One pass over the row; gives the name of its result. */
function reduction(
  bindings: KernelBindings,
  block: Block,
  { function: name, operand }: Reduction,
  row: readonly Coordinate[],
): string {
  const [partial, result, column] = ["partial", "row_value", "column"].map((prefix) => bindings.freshName(prefix)) as [
    string,
    string,
    string,
  ];
  const neutral = name === "sum" ? "0.0f" : lowest;
  const inner = block.inner();
  const vector = inner.vector(operand, [...row, at(column, 4)]);
  const counted = maskTail(vector, column, operand.shape.at(-1) ?? 1, neutral);
  const step = name === "sum" ? `${partial} += ${counted};` : `${partial} = max(${partial}, ${counted});`;
  block.lines.push(
    `var ${partial} = vec4<f32>(${neutral});`,
    ...overColumns(column, operand.shape, [...inner.lines, step]),
    `let ${result} = ${name}_of_row(${acrossLanes(name, partial)}, local_index);`,
  );
  return result;
}

function overColumns(column: string, rows: Shape, statements: readonly string[]): string[] {
  const end = extentText(rows.at(-1) ?? 1);
  return [
    `for (var ${column} = local_index * 4u; ${column} < ${end}; ${column} += ${invocations * 4}u) {`,
    ...indent(statements),
    "}",
  ];
}

function tree(name: "sum" | "max", combine: string): string {
  return `fn ${name}_of_row(value: f32, index: u32) -> f32 {
  workgroupBarrier();
  shared_values[index] = value;
  for (var stride = ${invocations / 2}u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (index < stride) { shared_values[index] = ${combine}; }
  }
  return workgroupUniformLoad(&shared_values[0]);
}`;
}

/** One number an invocation reduced to one that all know. */
const acrossWorkgroup = [
  `var<workgroup> shared_values: array<f32, ${invocations}>;`,
  tree("sum", "shared_values[index] + shared_values[index + stride]"),
  tree("max", "max(shared_values[index], shared_values[index + stride])"),
].join("\n");
