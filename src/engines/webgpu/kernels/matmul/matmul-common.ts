/**
 * What every kernel of matmuls has in common, however it multiplies: how rows are numbered, what is computed of the left
 * operand on the way in, what is computed of the products on the way out, and the numbers that belong to whole rows.
 *
 * A right operand without leading axes serves all rows: the left operand's leading axes and its rows are then one axis.
 */

import { type Extent, type Operation, operandsOf, type Shape, type Value } from "../../../../program/program.ts";
import { transposed } from "../../../../program/views.ts";
import type { TileStatistics } from "../../../../rewrites/split-statistics.ts";
import type { Kernel } from "../../../../schedule/schedule.ts";
import type { KernelBindings } from "../../wgsl/bindings.ts";
import { at, type Coordinates, delinearize, linear, zero } from "../../wgsl/coordinates.ts";
import { Block, type Given, maskTail, vectorIndex } from "../../wgsl/expressions.ts";
import { gridOf, indent, productText, store } from "../../wgsl/kernel-source.ts";
import { extentText, isOfVectors, storageForms, tensorLengthText, vectorOf } from "../../wgsl/storage.ts";
import { unitLoader } from "../fragments.ts";
import { rowScalars } from "./row-statistics.ts";

type Matmul = Extract<Operation, { kind: "matmul" }>;

export type MatmulKernel = Kernel & { readonly template: { readonly kind: "matmul" } };

/** How the rows of the result are numbered, and what the right operand's leading coordinates are. */
export interface Rows {
  readonly count: string;
  /** Of a row of the result, and of the left operand, by the names `batch` and `row`. */
  readonly coordinates: Coordinates;
  readonly rightLeading: Coordinates;
}

/** What is done with the products, as WGSL. */
export interface Finish {
  /** `finish` and the functions of `ahead`. */
  readonly source: string;
  /** Names of what `finish` takes after the products, read beforehand by the function of the same name after `read_`. */
  readonly ahead: readonly string[];
}

export class MatmulParts {
  readonly operands: Matmul;
  readonly statistics: TileStatistics | undefined;
  readonly bindings: KernelBindings;
  readonly depth: Extent;
  readonly columns: Extent;
  readonly rowAxes: Shape;
  readonly batchAxes: Shape;
  /** Among how many workgroups the inner dimension is divided (`shares.ts`); `batch` says which share is a workgroup's. */
  readonly shares: number;
  readonly rows: Rows;
  readonly #interior: readonly Value[];
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
    this.shares = Math.max(...stores.map((value) => bindings.sharesOf(value)));
    this.rows = rowsOf(shape, isBatched);
    this.#interior = interior;
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

  /** @throws RangeError for a tile of another number of shares than what is stored comes in. */
  checkShares({ shares }: { readonly shares: number }): void {
    if (shares !== this.shares) throw new RangeError(`a tile in ${shares} shares for a result in ${this.shares}`);
  }

  /** Where in the inner dimension a workgroup's share begins, as WGSL; absent where it has the whole. */
  get shareStart(): string | undefined {
    return this.shares === 1 ? undefined : `batch * ${Number(this.depth) / this.shares}u`;
  }

  /**
   * What kernels without tensor cores bring into registers: float16 where both operands lie in memory as such, which is
   * half as much; it becomes float32 on the way into workgroup memory.
   */
  broughtType(): "f32" | "f16" {
    const block = new Block(this.bindings, this.#given);
    const left = block.storedHalves(this.operands.left, this.#leftPlace);
    const right = this.isRightTransposed && block.storedHalves(...this.#rightPlace);
    return left && right && isMultiple(this.depth, 4) ? "f16" : "f32";
  }

  get #leftPlace(): Coordinates {
    return [...this.rows.coordinates, at("k", 4)];
  }

  /** Of a transposed right operand, as it lies in memory. */
  get #rightPlace(): readonly [Value, Coordinates] {
    return [transposed(this.operands.right), [...this.#rightColumn, at("k", 4)]];
  }

  /** `load_left`: four columns of the left operand, zero beyond its end. @param step columns read at a time. */
  loadLeft(type: "f32" | "f16", step: number): string {
    const block = new Block(this.bindings, this.#given);
    const { left } = this.operands;
    const coordinates = this.#leftPlace;
    // Padding of rows is zero in memory; what is computed of it need not be.
    const isWhole = isMultiple(this.depth, 4);
    const four =
      type === "f16" && isWhole
        ? block.halves(left, coordinates)
        : maskTail(block.vector(left, coordinates), "k", this.depth, "0.0f");
    return [
      `fn load_left(batch: u32, row: u32, tile_row: u32, k: u32) -> vec4<${type}> {`,
      ...this.#guard(step, `vec4<${type}>()`),
      ...indent(block.lines),
      `  return ${type === "f16" && !isWhole ? `vec4<f16>(${four})` : four};`,
      "}",
    ].join("\n");
  }

  /** `load_left_unit`: eight columns of the left operand in float16. */
  loadLeftUnit(step: number): readonly string[] {
    const block = new Block(this.bindings, this.#given);
    const eight = block.eights(this.operands.left, [...this.rows.coordinates, at("k", 8)]);
    const guard = this.#guard(step, "vec4<u32>()");
    return unitLoader("load_left", ["batch", "row", "tile_row", "k"], { guard, block, eight }, () =>
      this.loadLeft("f16", step),
    );
  }

  /** `load_right_unit`: eight elements of a column of a transposed right operand in float16. */
  loadRightUnit(step: number): readonly string[] {
    const block = new Block(this.bindings);
    const eight = block.eights(transposed(this.operands.right), [...this.#rightColumn, at("k", 8)]);
    const guard = this.#guard(step, "vec4<u32>()");
    return unitLoader("load_right", ["batch", "column", "k"], { guard, block, eight }, () =>
      this.loadRight("f16", step),
    );
  }

  /** `load_right`: four elements of a column of a transposed right operand, from row k on; zero beyond their end. */
  loadRight(type: "f32" | "f16", step: number): string {
    const block = new Block(this.bindings);
    const [value, coordinates] = this.#rightPlace;
    const four = type === "f16" ? block.halves(value, coordinates) : block.vector(value, coordinates);
    return [
      `fn load_right(batch: u32, column: u32, k: u32) -> vec4<${type}> {`,
      ...this.#guard(step, `vec4<${type}>()`),
      ...indent(block.lines),
      `  return ${four};`,
      "}",
    ].join("\n");
  }

  /** Where a column of a transposed right operand is; beyond the last, the last. */
  get #rightColumn(): Coordinates {
    return [...this.rows.rightLeading, at(`min(column, ${extentText(this.columns)} - 1u)`)];
  }

  /** Nothing where steps along the inner dimension end with it. */
  #guard(step: number, nothing: string): string[] {
    return isMultiple(this.depth, step) ? [] : [`  if (k >= ${extentText(this.depth)}) { return ${nothing}; }`];
  }

  /**
   * `finish`: stores what comes of four columns of one row of the products, and returns the row of statistics.
   *
   * A tensor that it reads where it writes, such as a residual, is a parameter instead, as it lies in memory: kernels read it
   * for all their rows at once, and the waiting is over once, not row by row. Compilers may not move such reads
   * themselves, for all they know is that something is written in between.
   */
  finish(): Finish {
    const { statistics } = this;
    const [row, column] = [this.rows.coordinates, at("column", 4)];
    const inPlace = this.#readInPlace();
    const given = new Map(this.#given).set(this.#matmul, { vector: "product" });
    inPlace.forEach((value, index) => {
      given.set(value, { vector: vectorOf(`ahead${index}`, this.bindings.typeOf(value) ?? "f32") });
    });
    const block = new Block(this.bindings, given);
    const own = this.#stores.filter((value) => value !== statistics?.means && value !== statistics?.squares);
    const statements = own.flatMap((value) => store(this.bindings, block, value, row, column));
    const result = statistics && block.vector(statistics.row, [...row, column]);
    const body = [...block.lines, ...statements, ...(result ? [`return ${result};`] : [])];
    const words = new Set(body.join("\n").match(/\w+/g));
    const ahead: string[] = [];
    const functions: string[] = [];
    const parameters = ["batch: u32", "row: u32", "tile_row: u32", "column: u32", "product: vec4<f32>"];
    inPlace.forEach((value, index) => {
      const used = `ahead${index}`;
      if (!words.has(used)) return;
      const { name, type } = this.bindings.read(value);
      const { element } = storageForms[type];
      const place = vectorIndex(linear(row, value.shape.slice(0, -1)), value, column);
      ahead.push(used);
      parameters.push(`${used}: ${element}`);
      functions.push(
        `fn read_${used}(batch: u32, row: u32, column: u32) -> ${element} {`,
        ...(this.shares > 1 ? [`  if (batch > 0u) { return ${element}(); }`] : []),
        `  return ${name}[${place}];`,
        "}",
      );
    });
    const finish = [
      `fn finish(${parameters.join(", ")})${result ? " -> vec4<f32>" : ""} {`,
      ...indent([...this.#finishShare(), ...body]),
      "}",
    ];
    return { source: [...functions, ...finish].join("\n"), ahead };
  }

  /** Of all shares but the first the products are stored as they are: what else is added is added once. */
  #finishShare(): string[] {
    const [value] = this.#stores;
    if (this.shares === 1 || value === undefined) return [];
    const place = vectorIndex(linear(this.rows.coordinates, value.shape.slice(0, -1)), value, at("column", 4));
    return [
      "if (batch > 0u) {",
      `  ${this.bindings.write(value).name}[${place} + batch * ${tensorLengthText(value.shape)}] = product;`,
      "  return;",
      "}",
    ];
  }

  /** Tensors with a vector for every vector of the result, that are only read in place. */
  #readInPlace(): readonly Value[] {
    const shape = this.#matmul.shape.join();
    if (typeof this.columns !== "number") return [];
    const operands = new Set(this.#interior.flatMap(({ operation }) => operandsOf(operation)));
    return [...operands].filter((value) => {
      const type = this.bindings.typeOf(value);
      if (value.shape.join() !== shape || type === undefined || !isOfVectors(type)) return false;
      const readers = this.#interior.filter(({ operation }) => operandsOf(operation).includes(value));
      return readers.every((reader) => reader.operation.kind === "elementwise" && reader.shape.join() === shape);
    });
  }

  /**
   * Statements that read what `finish` takes beforehand, at a row and a column as WGSL, into variables of its name and the
   * slot's. Rows and columns beyond the last are read as the last.
   * @param tileColumns columns of a tile.
   */
  readAhead({ ahead }: Finish, slot: string, row: string, column: string, tileColumns: number): string[] {
    if (ahead.length === 0) return [];
    const last = Math.ceil(Number(this.columns) / 4) * 4 - 4;
    const inside = isMultiple(this.columns, tileColumns) ? column : `min(${column}, ${last}u)`;
    const place = `batch, min(${row}, ${this.rows.count} - 1u), ${inside}`;
    return ahead.map((name) => `let ${name}_${slot} = read_${name}(${place});`);
  }

  /**
   * Statements that finish some vectors, one after another: a loop, or written out where each has something read ahead.
   * @param one the statements for the vector number `step`, given the further arguments of `finish`.
   */
  finishEach(
    { ahead }: Finish,
    steps: number,
    slot: string,
    one: (furtherArguments: string) => readonly string[],
  ): string[] {
    if (ahead.length === 0) return [`for (var step = 0u; step < ${steps}u; step++) {`, ...indent(one("")), "}"];
    return Array.from({ length: steps }, (_, step) => {
      const further = ahead.map((name) => `, ${name}_${slot}_${step}`).join("");
      return ["{", `  let step = ${step}u;`, ...indent(one(further)), "}"];
    }).flat();
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
  workgroups(tileRows: number, tileColumns: number): ReturnType<typeof gridOf> {
    return gridOf(
      { extents: [this.columns], each: tileColumns },
      { extents: this.rowAxes, each: tileRows },
      { extents: [...this.batchAxes, this.shares], each: 1 },
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
