/**
 * Row reductions: LayerNorm, softmax, and every reduction with what is computed from it.
 *
 * One workgroup computes a row. Each reduction is a pass over the row: invocations add up their vectors, groups of
 * invocations those sums, and all invocations the groups' sums, in a fixed order. A row of known and moderate width is held
 * in registers for all passes; for any other, each pass recomputes its operand from tensors that are in cache by then.
 */
import type { Extent, Operation, Shape, Value } from "../../../../program/program.ts";
import type { KernelBindings } from "../../wgsl/bindings.ts";
import { at, type Coordinate, delinearize, zero } from "../../wgsl/coordinates.ts";
import { bytesOf, indent } from "../../wgsl/declarations.ts";
import { acrossLanes, Block, type Given, lowest, maskTail } from "../../wgsl/expressions.ts";
import { assemble, declareRow, type KernelSource, rowGrid, store } from "../../wgsl/kernel-source.ts";
import { extentText } from "../../wgsl/storage.ts";
import { type EmitRequest, type FixedTile, fixedTile, type KernelFamily, type Problem } from "../family.ts";
import { reductionVariables, WorkgroupReduction } from "./workgroup-reduction.ts";

type Reduction = Extract<Operation, { kind: "reduce" }>;

/** Max vectors of a row that an invocation holds. */
const maxHeld = 8;

export const rowReduction: KernelFamily<Problem, FixedTile> = {
  name: "row-reduction",
  accepts: ({ template }, { interior }) =>
    template.kind === "row-reduction" ? { shape: rowsReduced(interior) } : undefined,
  ...fixedTile(64),
  workgroupVariables: ({ threads }) => reductionVariables(threads),
  hasGrid: true,
  emit,
};

function emit({ kernel, interior, bindings, declarations }: EmitRequest, { threads }: FixedTile): KernelSource {
  const { stores } = kernel;
  const reduce = new WorkgroupReduction(declarations, threads);
  const rows = rowsReduced(interior);
  const leading = rows.slice(0, -1);
  const row = delinearize(at("row"), leading);
  for (const value of stores) bindings.write(value);
  const given = new Map<Value, Given>();
  const block = new Block(bindings, given);
  const columns = heldColumns(rows.at(-1) ?? 1, threads);
  block.lines.push(...(columns ?? []).flatMap(({ declarations }) => declarations));
  for (const value of interior) {
    if (value.operation.kind !== "reduce" || value.operation.operand.shape.join() !== rows.join()) continue;
    const scalar = columns
      ? heldReduction({ bindings, block, reduce, row }, value.operation, columns)
      : reduction({ bindings, block, reduce, row }, value.operation, threads);
    given.set(value, { scalar });
  }
  const [narrow, wide] = [stores.filter(isNarrow), stores.filter((value) => !isNarrow(value))];
  const narrowStores = narrow.flatMap((value) => store(bindings, block, value, row, zero));
  if (narrow.length > 0) block.lines.push("if (local_index == 0u) {", ...indent(narrowStores), "}");
  if (wide.length > 0 && columns) {
    for (const { column, isInside } of columns) {
      const statements = wide.flatMap((value) => store(bindings, block, value, row, column));
      block.lines.push(...(isInside === undefined ? statements : [`if (${isInside}) {`, ...indent(statements), "}"]));
    }
  } else if (wide.length > 0) {
    const inner = block.inner();
    const statements = wide.flatMap((value) => store(bindings, inner, value, row, at("column", 4)));
    block.lines.push(...overColumns("column", rows, threads, [...inner.lines, ...statements]));
  }
  const body = [...declareRow(leading), ...block.lines];
  const workgroupMemory = bytesOf(reductionVariables(threads));
  return {
    ...assemble(bindings, { declarations, workgroupSize: threads, workgroupMemory, body }),
    ...rowGrid(leading),
  };
}

interface RowKernel {
  readonly bindings: KernelBindings;
  readonly block: Block;
  readonly reduce: WorkgroupReduction;
  readonly row: readonly Coordinate[];
}

/** Four columns of the row per invocation. */
interface HeldColumns {
  readonly column: Coordinate;
  readonly declarations: readonly string[];
  /** The condition under which an invocation has them, if not all do; the others hold copies of the last columns. */
  readonly isInside: string | undefined;
}

/** The columns of a row as invocations hold them; `undefined` for a row that is too wide, or of unknown width. */
function heldColumns(width: Extent, threads: number): HeldColumns[] | undefined {
  const count = Math.ceil(Number(width) / (threads * 4));
  if (typeof width !== "number" || count > maxHeld) return undefined;
  const last = (Math.ceil(width / 4) - 1) * 4;
  return Array.from({ length: count }, (_, index) => {
    const name = `column_${index}`;
    const place = `local_index * 4u + ${index * threads * 4}u`;
    const isWhole = (index + 1) * threads * 4 <= last + 4;
    const isInside = isWhole ? undefined : `${place} <= ${last}u`;
    const declarations = [`let ${name} = ${isWhole ? place : `min(${place}, ${last}u)`};`];
    return { column: at(name, 4), declarations, isInside };
  });
}

/** Reduces held columns. @returns the name of the result. */
function heldReduction(
  { bindings, block, reduce, row }: RowKernel,
  { function: name, operand }: Reduction,
  columns: readonly HeldColumns[],
): string {
  const result = bindings.freshName("row_value");
  const neutral = name === "sum" ? "0.0f" : lowest;
  const parts = columns.map(({ column, isInside }) => {
    const vector = block.vector(operand, [...row, column]);
    const counted = maskTail(vector, column.text, operand.shape.at(-1) ?? 1, neutral);
    return isInside === undefined ? counted : `select(vec4<f32>(${neutral}), ${counted}, ${isInside})`;
  });
  const partial = bindings.freshName("partial");
  const combined = parts.reduce((left, right) => (name === "sum" ? `(${left} + ${right})` : `max(${left}, ${right})`));
  block.lines.push(
    `let ${partial} = ${combined};`,
    `let ${result} = ${reduce.call(name, acrossLanes(name, partial))};`,
  );
  return result;
}

const isNarrow = ({ shape }: Value): boolean => (shape.at(-1) ?? 1) === 1;

function rowsReduced(interior: readonly Value[]): Shape {
  for (const { operation } of interior.toReversed()) if (operation.kind === "reduce") return operation.operand.shape;
  throw new RangeError("a row reduction that reduces nothing");
}

/** Reduces in a pass over the row. @returns the name of the result. */
function reduction(
  { bindings, block, reduce, row }: RowKernel,
  { function: name, operand }: Reduction,
  threads: number,
): string {
  const partial = bindings.freshName("partial");
  const result = bindings.freshName("row_value");
  const column = bindings.freshName("column");
  const neutral = name === "sum" ? "0.0f" : lowest;
  const inner = block.inner();
  const vector = inner.vector(operand, [...row, at(column, 4)]);
  const counted = maskTail(vector, column, operand.shape.at(-1) ?? 1, neutral);
  const step = name === "sum" ? `${partial} += ${counted};` : `${partial} = max(${partial}, ${counted});`;
  block.lines.push(
    `var ${partial} = vec4<f32>(${neutral});`,
    ...overColumns(column, operand.shape, threads, [...inner.lines, step]),
    `let ${result} = ${reduce.call(name, acrossLanes(name, partial))};`,
  );
  return result;
}

function overColumns(column: string, rows: Shape, threads: number, statements: readonly string[]): string[] {
  const end = extentText(rows.at(-1) ?? 1);
  return [
    `for (var ${column} = local_index * 4u; ${column} < ${end}; ${column} += ${threads * 4}u) {`,
    ...indent(statements),
    "}",
  ];
}
