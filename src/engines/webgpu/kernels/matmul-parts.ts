/**
 * What every kernel of matmuls has in common, however it multiplies: how rows are numbered, what is computed of the left
 * operand on the way in, what is computed of the products on the way out, and the numbers that belong to whole rows.
 *
 * A right operand without leading axes serves all rows: the left operand's leading axes and its rows are then one axis.
 */
import type { Kernel, TileStatistics } from "../../../passes/schedule.ts";
import type { Extent, Operation, Shape, Value } from "../../../program/program.ts";
import type { KernelBindings } from "../codegen/bindings.ts";
import { at, type Coordinates, delinearize, zero } from "../codegen/coordinates.ts";
import { Block, type Given, maskTail } from "../codegen/expressions.ts";
import { indent, type KernelSource, productOf, productText, store } from "../codegen/kernel-source.ts";
import { extentText } from "../codegen/storage.ts";
import { rowScalars } from "./row-scalars.ts";

type Matmul = Extract<Operation, { kind: "matmul" }>;

export type MatmulKernel = Kernel & { readonly template: { readonly kind: "matmul" } };

/** How the rows of the result are numbered, and what the right operand's leading coordinates are. */
export interface Rows {
  readonly count: string;
  /** Of a row of the result, and of the left operand, by the names `batch` and `row`. */
  readonly coordinates: Coordinates;
  readonly rightLeading: Coordinates;
}

export class MatmulParts {
  readonly operands: Matmul;
  readonly statistics: TileStatistics | undefined;
  readonly bindings: KernelBindings;
  readonly depth: Extent;
  readonly columns: Extent;
  readonly rowAxes: Shape;
  readonly batchAxes: Shape;
  readonly rows: Rows;
  readonly #matmul: Value;
  readonly #stores: readonly Value[];
  /** Numbers that belong to whole rows, and the names by which `load_left` and `finish` know them. */
  readonly #scalars: readonly Value[];
  readonly #given: ReadonlyMap<Value, Given>;

  constructor({ template, stores }: MatmulKernel, interior: readonly Value[], bindings: KernelBindings) {
    const { matmul, statistics } = template;
    const { operation, shape } = matmul;
    if (operation.kind !== "matmul") throw new RangeError("a matmul kernel without a matmul");
    const isBatched = operation.right.shape.length > 2;
    for (const value of stores) bindings.write(value);
    this.operands = operation;
    this.statistics = statistics;
    this.bindings = bindings;
    this.depth = operation.left.shape.at(-1) as Extent;
    this.columns = shape.at(-1) as Extent;
    this.rowAxes = isBatched ? shape.slice(-2, -1) : shape.slice(0, -1);
    this.batchAxes = isBatched ? shape.slice(0, -2) : [];
    this.rows = rowsOf(shape, isBatched);
    this.#matmul = matmul;
    this.#stores = stores;
    this.#scalars = rowScalars(interior, matmul);
    this.#given = new Map(this.#scalars.map((value, index) => [value, { scalar: `row_scalar${index}[tile_row]` }]));
  }

  /** Whether the right operand's rows, not its columns, are neighbours in memory: weights as [outputs, inputs], keys. */
  get isRightTransposed(): boolean {
    const { right } = this.operands;
    const { operation } = right;
    return operation.kind === "transpose" && operation.permutation.at(-1) !== right.shape.length - 1;
  }

  /** `load_left`: four columns of the left operand, zero beyond its end. @param step columns read at a time. */
  loadLeft(type: "f32" | "f16", step: number): string {
    const block = new Block(this.bindings, this.#given);
    const { left } = this.operands;
    const coordinates = [...this.rows.coordinates, at("k", 4)];
    // Padding of rows is zero in memory; what is computed of it need not be.
    const isWhole = isMultiple(this.depth, 4);
    const four =
      type === "f16" && isWhole
        ? block.halves(left, coordinates)
        : maskTail(block.vector(left, coordinates), "k", this.depth, "0.0f");
    return [
      `fn load_left(batch: u32, row: u32, tile_row: u32, k: u32) -> vec4<${type}> {`,
      ...(isMultiple(this.depth, step) ? [] : [`  if (k >= ${extentText(this.depth)}) { return vec4<${type}>(); }`]),
      ...indent(block.lines),
      `  return ${type === "f16" && !isWhole ? `vec4<f16>(${four})` : four};`,
      "}",
    ].join("\n");
  }

  /** `finish`: stores what comes of four columns of one row of the products, and returns the row of statistics. */
  finish(): string {
    const { statistics } = this;
    const given = new Map(this.#given).set(this.#matmul, { vector: "product" });
    const block = new Block(this.bindings, given);
    const own = this.#stores.filter((value) => value !== statistics?.means && value !== statistics?.squares);
    const [row, column] = [this.rows.coordinates, at("column", 4)];
    const statements = own.flatMap((value) => store(this.bindings, block, value, row, column));
    const result = statistics && block.vector(statistics.row, [...row, column]);
    return [
      `fn finish(batch: u32, row: u32, tile_row: u32, column: u32, product: vec4<f32>)${result ? " -> vec4<f32>" : ""} {`,
      ...indent(block.lines),
      ...indent(statements),
      ...(result ? [`  return ${result};`] : []),
      "}",
    ].join("\n");
  }

  /** Where the numbers that belong to whole rows are kept. */
  scalarMemory(tileRows: number): string[] {
    return this.#scalars.map((_, index) => `var<workgroup> row_scalar${index}: array<f32, ${tileRows}>;`);
  }

  /** Bytes of that. */
  scalarBytes(tileRows: number): number {
    return this.#scalars.length * tileRows * 4;
  }

  /** Those numbers, computed by one invocation a row. */
  computeScalars(tileRows: number, invocations: number): string[] {
    if (this.#scalars.length === 0) return [];
    const block = new Block(this.bindings);
    const names = this.#scalars.map((value) => block.scalar(value, [...this.rows.coordinates, zero]));
    return [
      `for (var tile_row = local_index; tile_row < ${tileRows}u; tile_row += ${invocations}u) {`,
      `  let row = min(first_row + tile_row, ${this.rows.count} - 1u);`,
      ...indent(block.lines),
      ...names.map((name, index) => `  row_scalar${index}[tile_row] = ${name};`),
      "}",
      "workgroupBarrier();",
    ];
  }

  /** One workgroup for each tile of the result. */
  workgroups(tileRows: number, tileColumns: number): KernelSource["workgroups"] {
    return (extentOf) => [
      Math.ceil(extentOf(this.columns) / tileColumns),
      Math.ceil(productOf(this.rowAxes, extentOf) / tileRows),
      productOf(this.batchAxes, extentOf),
    ];
  }
}

function rowsOf(shape: Shape, isBatched: boolean): Rows {
  if (!isBatched) {
    const axes = shape.slice(0, -1);
    return { count: productText(axes), coordinates: delinearize(at("row"), axes), rightLeading: [] };
  }
  const leading = delinearize(at("batch"), shape.slice(0, -2));
  return { count: extentText(shape.at(-2) as Extent), coordinates: [...leading, at("row")], rightLeading: leading };
}

export const isMultiple = (extent: Extent, of: number): boolean => typeof extent === "number" && extent % of === 0;
