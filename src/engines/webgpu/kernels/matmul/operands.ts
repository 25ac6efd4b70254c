/**
 * How a matmul's kernel reads its operands: the numbering of rows, and the functions that load vectors of either operand,
 * with the left operand's prologue.
 *
 * If the right operand has no leading axes, the left operand's leading axes and rows are one axis.
 */
import type { Extent, Shape, Value } from "../../../../program/program.ts";
import { transposed } from "../../../../program/views.ts";
import { at, type Coordinates, delinearize } from "../../wgsl/coordinates.ts";
import { Block, type Given, maskTail } from "../../wgsl/expressions.ts";
import { gridOf, productText } from "../../wgsl/kernel-source.ts";
import { extentText } from "../../wgsl/storage.ts";
import type { EmitRequest } from "../family.ts";
import { declareVec8Loader } from "../fragments.ts";
import { isKContiguous, type MatmulTemplate, operandsOfMatmul } from "./problem.ts";
import { rowStatistics } from "./row-statistics.ts";

/** The rows of the result, and the right operand's leading coordinates. */
interface Rows {
  readonly count: string;
  /** Coordinates of a row of the result and of the left operand, from the variables `batch` and `row`. */
  readonly coordinates: Coordinates;
  readonly rightLeading: Coordinates;
}

export interface MatmulRequest extends EmitRequest {
  readonly template: MatmulTemplate;
  /** Names of the variables that hold the row statistics. */
  readonly statisticNames: readonly string[];
  /** Workgroups that K is split among; above 1, `batch` is the index of a slice. */
  readonly splitK: number;
}

export class MatmulOperands {
  readonly left: Value;
  readonly right: Value;
  readonly k: Extent;
  readonly columns: Extent;
  readonly rows: Rows;
  /** Row statistics, as the kernel's variables. */
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
    this.rows = rowsOf(matmul.shape, right.shape.length - 2);
    const ofRows = rowStatistics(interior, matmul);
    this.statistics = new Map(ofRows.map((value, index) => [value, { scalar: `${statisticNames[index]}[tile_row]` }]));
    this.#request = request;
  }

  /** Whether the right operand has leading axes, whose index is `batch`. */
  get isBatched(): boolean {
    return this.right.shape.length > 2;
  }

  get isRightTransposed(): boolean {
    return isKContiguous(this.right);
  }

  /** The start of a workgroup's slice of K, as WGSL; absent where K is not split. */
  get kStart(): string | undefined {
    const { splitK } = this.#request;
    return splitK === 1 ? undefined : `batch * ${Number(this.k) / splitK}u`;
  }

  /** The type of loads into registers without tensor cores: float16 where both operands are stored so, for half the traffic. */
  stagingType(): "f32" | "f16" {
    const block = new Block(this.#request.bindings, this.statistics);
    const left = block.storedF16(this.left, this.#leftPlace);
    const right = this.isRightTransposed && block.storedF16(...this.#rightPlace);
    return left && right && isMultiple(this.k, 4) ? "f16" : "f32";
  }

  get #leftPlace(): Coordinates {
    return [...this.rows.coordinates, at("k", 4)];
  }

  get #rightPlace(): readonly [Value, Coordinates] {
    return [transposed(this.right), [...this.#rightColumn, at("k", 4)]];
  }

  /** Coordinates of a column of a transposed right operand, clamped to the last. */
  get #rightColumn(): Coordinates {
    return [...this.rows.rightLeading, at(`min(column, ${extentText(this.columns)} - 1u)`)];
  }

  /** Declares `load_left`: four elements along K of a row, zero beyond K. @param step elements along K of a step. */
  declareLoadLeft(type: "f32" | "f16", step: number): string {
    const block = new Block(this.#request.bindings, this.statistics);
    const coordinates = this.#leftPlace;
    // Padding of rows is zero in memory; values computed from it need not be.
    const isWhole = isMultiple(this.k, 4);
    const four =
      type === "f16" && isWhole
        ? block.f16(this.left, coordinates)
        : maskTail(block.vector(this.left, coordinates), "k", this.k, "0.0f");
    const result = type === "f16" && !isWhole ? `vec4<f16>(${four})` : four;
    const body = [...this.#guard(step, `vec4<${type}>()`), ...block.lines, `return ${result};`];
    const parameters = "batch: u32, row: u32, tile_row: u32, k: u32";
    return this.#request.declarations.function("load_left", `(${parameters}) -> vec4<${type}>`, body);
  }

  /** Declares `load_right`: four elements along K of a column of a transposed right operand, zero beyond K. */
  declareLoadRight(type: "f32" | "f16", step: number): string {
    const block = new Block(this.#request.bindings);
    const [value, coordinates] = this.#rightPlace;
    const four = type === "f16" ? block.f16(value, coordinates) : block.vector(value, coordinates);
    const body = [...this.#guard(step, `vec4<${type}>()`), ...block.lines, `return ${four};`];
    const signature = `(batch: u32, column: u32, k: u32) -> vec4<${type}>`;
    return this.#request.declarations.function("load_right", signature, body);
  }

  /** Declares `load_left_vec8`: eight float16 along K of a row. @returns its name. */
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

  /** Declares `load_right_vec8`: eight float16 along K of a column of a transposed right operand. @returns its name. */
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

  /** Returns zeros beyond K, unless K is a multiple of the step. */
  #guard(step: number, zeros: string): string[] {
    return isMultiple(this.k, step) ? [] : [`if (k >= ${extentText(this.k)}) { return ${zeros}; }`];
  }

  /** One workgroup per tile of the result. */
  grid({ tileM, tileN }: { readonly tileM: number; readonly tileN: number }): ReturnType<typeof gridOf> {
    const { shape } = this.#request.template.matmul;
    const [batchAxes, rowAxes] = this.isBatched ? [shape.slice(0, -2), shape.slice(-2, -1)] : [[], shape.slice(0, -1)];
    return gridOf(
      { extents: [this.columns], each: tileN },
      { extents: rowAxes, each: tileM },
      { extents: [...batchAxes, this.#request.splitK], each: 1 },
    );
  }
}

/** @param rightLeading the number of the right operand's leading axes. */
function rowsOf(shape: Shape, rightLeading: number): Rows {
  if (rightLeading === 0) {
    const axes = shape.slice(0, -1);
    return { count: productText(axes), coordinates: delinearize(at("row"), axes), rightLeading: [] };
  }
  const leading = delinearize(at("batch"), shape.slice(0, -2));
  return {
    count: extentText(shape.at(-2) as Extent),
    coordinates: [...leading, at("row")],
    rightLeading: leading.slice(-rightLeading),
  };
}

export const isMultiple = (extent: Extent, of: number): boolean => typeof extent === "number" && extent % of === 0;
