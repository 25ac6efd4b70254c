/**
 * How a matmul's kernel reads its operands: how rows are numbered, and the functions that load vectors of either side, with
 * what the schedule computes of the left operand before.
 *
 * A right operand without leading axes serves all rows: the left operand's leading axes and its rows are then one axis.
 */
import type { Extent, Shape, Value } from "../../../../program/program.ts";
import { transposed } from "../../../../program/views.ts";
import { at, type Coordinates, delinearize } from "../../wgsl/coordinates.ts";
import { Block, type Given, maskTail } from "../../wgsl/expressions.ts";
import { gridOf, indent, productText } from "../../wgsl/kernel-source.ts";
import { extentText } from "../../wgsl/storage.ts";
import type { EmitRequest } from "../family.ts";
import { declareVec8Loader } from "../fragments.ts";
import { type MatmulTemplate, operandsOfMatmul } from "./problem.ts";
import { rowStatistics } from "./row-statistics.ts";

/** How the rows of the result are numbered, and what the right operand's leading coordinates are. */
export interface Rows {
  readonly count: string;
  /** Of a row of the result, and of the left operand, by the names `batch` and `row`. */
  readonly coordinates: Coordinates;
  readonly rightLeading: Coordinates;
}

/** A matmul's kernel that is being emitted. */
export interface MatmulRequest extends EmitRequest {
  readonly template: MatmulTemplate;
  /** The names of the variables that hold the row statistics. */
  readonly statisticNames: readonly string[];
  /** Workgroups that K is split among; `batch` is then the number of a slice. */
  readonly splitK: number;
}

export class MatmulOperands {
  readonly left: Value;
  readonly right: Value;
  readonly k: Extent;
  readonly columns: Extent;
  readonly rows: Rows;
  /** Numbers that belong to whole rows, and where the kernel has them. */
  readonly statistics: ReadonlyMap<Value, Given>;
  readonly #request: MatmulRequest;

  constructor(request: MatmulRequest) {
    const { template, interior, statisticNames } = request;
    const { matmul } = template;
    const { left, right } = operandsOfMatmul(matmul);
    this.left = left;
    this.right = right;
    this.k = left.shape.at(-1) as Extent;
    this.columns = matmul.shape.at(-1) as Extent;
    this.rows = rowsOf(matmul.shape, this.#isBatched);
    const ofRows = rowStatistics(interior, matmul);
    this.statistics = new Map(ofRows.map((value, index) => [value, { scalar: `${statisticNames[index]}[tile_row]` }]));
    this.#request = request;
  }

  get #isBatched(): boolean {
    return this.right.shape.length > 2;
  }

  /** Whether K is contiguous in the right operand's memory: weights as [outputs, inputs], keys. */
  get isRightTransposed(): boolean {
    const { operation, shape } = this.right;
    return operation.kind === "transpose" && operation.permutation.at(-1) !== shape.length - 1;
  }

  /** Where in K a workgroup's slice begins, as WGSL; absent where it has the whole. */
  get kStart(): string | undefined {
    const { splitK } = this.#request;
    return splitK === 1 ? undefined : `batch * ${Number(this.k) / splitK}u`;
  }

  /**
   * The type that kernels without tensor cores load into registers: float16 where both operands lie in memory as such,
   * which is half as much; it becomes float32 on the way to workgroup memory.
   */
  stagingType(): "f32" | "f16" {
    const block = new Block(this.#request.bindings, this.statistics);
    const left = block.storedF16(this.left, this.#leftPlace);
    const right = this.isRightTransposed && block.storedF16(...this.#rightPlace);
    return left && right && isMultiple(this.k, 4) ? "f16" : "f32";
  }

  get #leftPlace(): Coordinates {
    return [...this.rows.coordinates, at("k", 4)];
  }

  /** A transposed right operand as it lies in memory. */
  get #rightPlace(): readonly [Value, Coordinates] {
    return [transposed(this.right), [...this.#rightColumn, at("k", 4)]];
  }

  /** Where a column of a transposed right operand is; beyond the last, the last. */
  get #rightColumn(): Coordinates {
    return [...this.rows.rightLeading, at(`min(column, ${extentText(this.columns)} - 1u)`)];
  }

  /** `load_left`: four elements along K of a row, zero beyond its end. @param step elements along K of a step. */
  declareLoadLeft(type: "f32" | "f16", step: number): string {
    const block = new Block(this.#request.bindings, this.statistics);
    const coordinates = this.#leftPlace;
    // Padding of rows is zero in memory; what is computed of it need not be.
    const isWhole = isMultiple(this.k, 4);
    const four =
      type === "f16" && isWhole
        ? block.f16(this.left, coordinates)
        : maskTail(block.vector(this.left, coordinates), "k", this.k, "0.0f");
    return this.#declare("load_left", ["batch", "row", "tile_row", "k"], type, [
      ...this.#guard(step, `vec4<${type}>()`),
      ...indent(block.lines),
      `  return ${type === "f16" && !isWhole ? `vec4<f16>(${four})` : four};`,
    ]);
  }

  /** `load_right`: four elements along K of a column of a transposed right operand; zero beyond their end. */
  declareLoadRight(type: "f32" | "f16", step: number): string {
    const block = new Block(this.#request.bindings);
    const [value, coordinates] = this.#rightPlace;
    const four = type === "f16" ? block.f16(value, coordinates) : block.vector(value, coordinates);
    return this.#declare("load_right", ["batch", "column", "k"], type, [
      ...this.#guard(step, `vec4<${type}>()`),
      ...indent(block.lines),
      `  return ${four};`,
    ]);
  }

  #declare(name: string, parameters: readonly string[], type: "f32" | "f16", body: readonly string[]): string {
    const { declarations } = this.#request;
    const own = declarations.nameOf(name);
    const typed = parameters.map((parameter) => `${parameter}: u32`).join(", ");
    declarations.function(name, [`fn ${own}(${typed}) -> vec4<${type}> {`, ...body, "}"].join("\n"));
    return own;
  }

  /** `load_left_vec8`: eight float16 along K of a row. @returns its name. */
  declareLoadLeftVec8(step: number): string {
    const block = new Block(this.#request.bindings, this.statistics);
    const vec8 = block.vec8(this.left, [...this.rows.coordinates, at("k", 8)]);
    return declareVec8Loader(this.#request.declarations, {
      name: "load_left",
      parameters: ["batch", "row", "tile_row", "k"],
      guard: this.#guard(step, "vec4<u32>()"),
      block,
      vec8,
      declareVec4: () => this.declareLoadLeft("f16", step),
    });
  }

  /** `load_right_vec8`: eight float16 along K of a column of a transposed right operand. @returns its name. */
  declareLoadRightVec8(step: number): string {
    const block = new Block(this.#request.bindings);
    const vec8 = block.vec8(transposed(this.right), [...this.#rightColumn, at("k", 8)]);
    return declareVec8Loader(this.#request.declarations, {
      name: "load_right",
      parameters: ["batch", "column", "k"],
      guard: this.#guard(step, "vec4<u32>()"),
      block,
      vec8,
      declareVec4: () => this.declareLoadRight("f16", step),
    });
  }

  /** Zeros beyond the end of K, unless steps end with it. */
  #guard(step: number, zeros: string): string[] {
    return isMultiple(this.k, step) ? [] : [`  if (k >= ${extentText(this.k)}) { return ${zeros}; }`];
  }

  /** One workgroup for each tile of the result. */
  grid({ tileM, tileN }: { readonly tileM: number; readonly tileN: number }): ReturnType<typeof gridOf> {
    const { shape } = this.#request.template.matmul;
    const [batchAxes, rowAxes] = this.#isBatched ? [shape.slice(0, -2), shape.slice(-2, -1)] : [[], shape.slice(0, -1)];
    return gridOf(
      { extents: [this.columns], each: tileN },
      { extents: rowAxes, each: tileM },
      { extents: [...batchAxes, this.#request.splitK], each: 1 },
    );
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
