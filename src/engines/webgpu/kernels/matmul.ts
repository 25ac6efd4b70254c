/**
 * The kernel of matmuls: tiles of the result, each computed by a workgroup that holds a strip of both operands in
 * workgroup memory, every invocation four by four elements in registers.
 *
 * Whatever the schedule put before the matmul is computed while the left operand is read, and whatever it put after it
 * while the result is still in registers. Numbers that belong to a whole row (a LayerNorm's mean and deviation) are
 * computed once a tile, before anything else.
 *
 * A right operand without leading axes serves all rows: the left operand's leading axes and its rows are then one axis.
 */
import type { Kernel, TileStatistics } from "../../../passes/schedule.ts";
import type { Extent, Operation, Value } from "../../../program/program.ts";
import type { KernelBindings } from "../codegen/bindings.ts";
import { at, type Coordinates, delinearize, linear, zero } from "../codegen/coordinates.ts";
import { acrossLanes, Block, type Given, maskTail, transposed } from "../codegen/expressions.ts";
import {
  assemble,
  indent,
  type KernelLimits,
  type KernelSource,
  productOf,
  productText,
  store,
} from "../codegen/kernel-source.ts";
import { extentText } from "../codegen/storage.ts";
import { rowScalars } from "./row-scalars.ts";

type Matmul = Extract<Operation, { kind: "matmul" }>;

interface Tile {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** Largest first: what the device's limits allow is taken. */
const tiles: readonly Tile[] = [
  { rows: 64, columns: 64, depth: 16 },
  { rows: 32, columns: 32, depth: 16 },
];

/** How the rows of the result are numbered, and what the right operand's leading coordinates are. */
interface Rows {
  readonly count: string;
  readonly coordinates: Coordinates;
  readonly rightLeading: Coordinates;
}

export function matmulKernel(
  kernel: Kernel & { readonly template: { readonly kind: "matmul" } },
  interior: readonly Value[],
  bindings: KernelBindings,
  limits: KernelLimits,
): KernelSource {
  const { matmul, statistics } = kernel.template;
  if (matmul.operation.kind !== "matmul") throw new RangeError("a matmul kernel without a matmul");
  const generator = new MatmulGenerator(matmul, matmul.operation, bindings, chooseTile(limits));
  return generator.generate(kernel.stores, interior, statistics);
}

const memoryOf = ({ rows, columns, depth }: Tile): number =>
  4 * (rows * (depth + 4) + depth * columns + (rows * columns) / 4 + 2 * rows);

function chooseTile(limits: KernelLimits): Tile {
  const fits = (tile: Tile): boolean =>
    (tile.rows * tile.columns) / 16 <= limits.workgroupSize && memoryOf(tile) <= limits.workgroupMemory;
  return tiles.find(fits) ?? (tiles.at(-1) as Tile);
}

class MatmulGenerator {
  readonly #matmul: Value;
  readonly #operands: Matmul;
  readonly #bindings: KernelBindings;
  readonly #tile: Tile;
  readonly #isBatched: boolean;

  constructor(matmul: Value, operands: Matmul, bindings: KernelBindings, tile: Tile) {
    this.#matmul = matmul;
    this.#operands = operands;
    this.#bindings = bindings;
    this.#tile = tile;
    this.#isBatched = operands.right.shape.length > 2;
  }

  generate(stores: readonly Value[], interior: readonly Value[], statistics: TileStatistics | undefined): KernelSource {
    const { rows: tileRows, columns: tileColumns } = this.#tile;
    const shape = this.#matmul.shape;
    const columns = shape.at(-1) as Extent;
    const rowAxes = this.#isBatched ? shape.slice(-2, -1) : shape.slice(0, -1);
    const batchAxes = this.#isBatched ? shape.slice(0, -2) : [];
    for (const value of stores) this.#bindings.write(value);
    const scalars = rowScalars(interior, this.#matmul);
    const given = new Map<Value, Given>(
      scalars.map((value, index) => [value, { scalar: `row_scalar${index}[tile_row]` }]),
    );
    const declarations = [
      ...this.#workgroupMemory(scalars.length, statistics !== undefined),
      this.#loadLeft(given),
      this.#loadRight(),
      this.#finish(stores, given, statistics),
    ];
    const body = [
      `let first_row = group.y * ${tileRows}u;`,
      `let first_column = group.x * ${tileColumns}u;`,
      "let batch = group.z;",
      ...this.#scalarStatements(scalars),
      ...this.#multiply(),
      ...this.#epilogue(statistics),
    ];
    const workgroupSize = [tileColumns / 4, tileRows / 4];
    return {
      code: assemble(this.#bindings, { declarations, workgroupSize, body }),
      bindings: this.#bindings.bindings,
      workgroups: (extentOf) => [
        Math.ceil(extentOf(columns) / tileColumns),
        Math.ceil(productOf(rowAxes, extentOf) / tileRows),
        productOf(batchAxes, extentOf),
      ],
      workgroupMemory: memoryOf(this.#tile),
      workgroupSize: (tileRows * tileColumns) / 16,
    };
  }

  /** Coordinates of a row of the result (and of the left operand), by the names `batch` and `row`. */
  #rows(): Rows {
    const shape = this.#matmul.shape;
    if (!this.#isBatched) {
      const axes = shape.slice(0, -1);
      return { count: productText(axes), coordinates: delinearize(at("row"), axes), rightLeading: [] };
    }
    const leading = delinearize(at("batch"), shape.slice(0, -2));
    const rows = shape.at(-2) as Extent;
    return { count: extentText(rows), coordinates: [...leading, at("row")], rightLeading: leading };
  }

  #workgroupMemory(scalars: number, hasStatistics: boolean): string[] {
    const { rows, columns, depth } = this.#tile;
    return [
      // One vector more a row, so that rows begin in different memory banks.
      `var<workgroup> left_tile: array<vec4<f32>, ${rows * (depth / 4 + 1)}>;`,
      `var<workgroup> right_tile: array<vec4<f32>, ${depth * (columns / 4)}>;`,
      ...(hasStatistics ? [`var<workgroup> tile_values: array<f32, ${(rows * columns) / 4}>;`] : []),
      ...Array.from({ length: scalars }, (_, index) => `var<workgroup> row_scalar${index}: array<f32, ${rows}>;`),
    ];
  }

  /** Four columns of the left operand; zero beyond its end. */
  #loadLeft(given: ReadonlyMap<Value, Given>): string {
    const { coordinates } = this.#rows();
    const block = new Block(this.#bindings, given);
    const { left } = this.#operands;
    const depth = left.shape.at(-1) as Extent;
    const vector = block.vector(left, [...coordinates, at("k", 4)]);
    return [
      "fn load_left(batch: u32, row: u32, tile_row: u32, k: u32) -> vec4<f32> {",
      ...(this.#isWholeDepth() ? [] : [`  if (k >= ${extentText(depth)}) { return vec4<f32>(); }`]),
      ...indent(block.lines),
      `  return ${maskTail(vector, "k", depth, "0.0f")};`,
      "}",
    ].join("\n");
  }

  #isWholeDepth(): boolean {
    const depth = this.#operands.left.shape.at(-1);
    return typeof depth === "number" && depth % this.#tile.depth === 0;
  }

  /** Whether the right operand's rows, not its columns, are neighbours in memory: weights as [outputs, inputs], keys. */
  #isRightTransposed(): boolean {
    const { right } = this.#operands;
    const { operation } = right;
    return operation.kind === "transpose" && operation.permutation.at(-1) !== right.shape.length - 1;
  }

  /** The right operand four by four: rows k to k + 3 of four columns, into the tile. */
  #loadRight(): string {
    const { right } = this.#operands;
    const { rightLeading } = this.#rows();
    const [depth, columns] = right.shape.slice(-2) as [Extent, Extent];
    const block = new Block(this.#bindings);
    const lastColumn = `${extentText(columns)} - 1u`;
    const lastRow = `${extentText(depth)} - 1u`;
    const lines = this.#isRightTransposed()
      ? [0, 1, 2, 3].map((lane) => {
          const row = [...rightLeading, at(`min(column + ${lane}u, ${lastColumn})`), at("k", 4)];
          return `let line${lane} = ${block.vector(transposed(right), row)};`;
        })
      : [0, 1, 2, 3].map((lane) => {
          const row = [...rightLeading, at(`min(k + ${lane}u, ${lastRow})`), at("column", 4)];
          return `let line${lane} = ${block.vector(right, row)};`;
        });
    const vectors = this.#isRightTransposed()
      ? ["x", "y", "z", "w"].map((lane) => `vec4<f32>(line0.${lane}, line1.${lane}, line2.${lane}, line3.${lane})`)
      : ["line0", "line1", "line2", "line3"];
    const width = this.#tile.columns / 4;
    return [
      "fn load_right(batch: u32, k: u32, column: u32, place: u32) {",
      ...(this.#isWholeDepth()
        ? []
        : [`  if (k >= ${extentText(depth)}) {`, ...indent(indent(zeros(width))), "    return;", "  }"]),
      ...(isWholeColumns(columns, this.#tile.columns)
        ? []
        : [`  if (column >= ${extentText(columns)}) {`, ...indent(indent(zeros(width))), "    return;", "  }"]),
      ...indent(block.lines),
      ...indent(lines),
      ...vectors.map((vector, lane) => `  right_tile[place + ${lane * width}u] = ${vector};`),
      "}",
    ].join("\n");
  }

  /** What is stored of four columns of one row of the products. */
  #finish(stores: readonly Value[], outer: ReadonlyMap<Value, Given>, statistics: TileStatistics | undefined): string {
    const { coordinates } = this.#rows();
    const given = new Map(outer).set(this.#matmul, { vector: "product" });
    const block = new Block(this.#bindings, given);
    const own = stores.filter((value) => value !== statistics?.means && value !== statistics?.squares);
    const column = at("column", 4);
    const statements = own.flatMap((value) => store(this.#bindings, block, value, coordinates, column));
    const result = statistics && block.vector(statistics.row, [...coordinates, column]);
    return [
      `fn finish(batch: u32, row: u32, tile_row: u32, column: u32, product: vec4<f32>)${result ? " -> vec4<f32>" : ""} {`,
      ...indent(block.lines),
      ...indent(statements),
      ...(result ? [`  return ${result};`] : []),
      "}",
    ].join("\n");
  }

  /** The numbers that belong to a row, computed by one invocation a row. */
  #scalarStatements(scalars: readonly Value[]): string[] {
    if (scalars.length === 0) return [];
    const { count, coordinates } = this.#rows();
    const block = new Block(this.#bindings);
    const names = scalars.map((value) => block.scalar(value, [...coordinates, zero]));
    const { rows, columns } = this.#tile;
    return [
      `for (var tile_row = local_index; tile_row < ${rows}u; tile_row += ${(rows * columns) / 16}u) {`,
      `  let row = min(first_row + tile_row, ${count} - 1u);`,
      ...indent(block.lines),
      ...names.map((name, index) => `  row_scalar${index}[tile_row] = ${name};`),
      "}",
      "workgroupBarrier();",
    ];
  }

  #multiply(): string[] {
    const { rows, columns, depth } = this.#tile;
    const { count } = this.#rows();
    const [invocations, vectors] = [(rows * columns) / 16, depth / 4];
    const end = extentText(this.#operands.left.shape.at(-1) as Extent);
    const lanes = ["x", "y", "z", "w"];
    return [
      ...[0, 1, 2, 3].map((row) => `var sum${row} = vec4<f32>();`),
      `for (var k0 = 0u; k0 < ${end}; k0 += ${depth}u) {`,
      `  for (var index = local_index; index < ${rows * vectors}u; index += ${invocations}u) {`,
      `    let tile_row = index / ${vectors}u;`,
      `    let row = min(first_row + tile_row, ${count} - 1u);`,
      `    left_tile[tile_row * ${vectors + 1}u + index % ${vectors}u] = load_left(batch, row, tile_row, k0 + index % ${vectors}u * 4u);`,
      "  }",
      `  for (var index = local_index; index < ${vectors * (columns / 4)}u; index += ${invocations}u) {`,
      `    let column = index / ${vectors}u;`,
      `    let k = index % ${vectors}u * 4u;`,
      `    load_right(batch, k0 + k, first_column + column * 4u, k * ${columns / 4}u + column);`,
      "  }",
      "  workgroupBarrier();",
      `  for (var k = 0u; k < ${vectors}u; k++) {`,
      ...lanes.map((_, lane) => `    let right${lane} = right_tile[(k * 4u + ${lane}u) * ${columns / 4}u + local.x];`),
      ...[0, 1, 2, 3].flatMap((row) => [
        `    let left${row} = left_tile[(local.y * 4u + ${row}u) * ${vectors + 1}u + k];`,
        ...lanes.map((lane, index) => `    sum${row} = fma(vec4<f32>(left${row}.${lane}), right${index}, sum${row});`),
      ]),
      "  }",
      "  workgroupBarrier();",
      "}",
    ];
  }

  #epilogue(statistics: TileStatistics | undefined): string[] {
    const { count } = this.#rows();
    const columns = this.#matmul.shape.at(-1) as Extent;
    const lines = ["let column = first_column + local.x * 4u;"];
    for (const row of [0, 1, 2, 3]) {
      lines.push(`let row${row} = first_row + local.y * 4u + ${row}u;`);
      if (statistics) lines.push(`var result${row} = vec4<f32>();`);
      lines.push(
        `if (row${row} < ${count} && column < ${extentText(columns)}) {`,
        `  ${statistics ? `result${row} = ` : ""}finish(batch, row${row}, local.y * 4u + ${row}u, column, sum${row});`,
        "}",
      );
    }
    return statistics ? [...lines, ...this.#statistics(statistics)] : lines;
  }

  /**
   * The mean and the squared deviations of each row's tiles, by the invocations that hold the tile's columns. Relative to
   * the tile's first column, for the reason that `passes/center-rows.ts` gives.
   */
  #statistics({ width, means, squares }: TileStatistics): string[] {
    const { columns } = this.#tile;
    const { coordinates } = this.#rows();
    const [group, perRow] = [width / 4, columns / 4];
    const tileCount = means.shape.at(-2) as Extent;
    const add = (row: number, target: string): string[] => [
      `var ${target}${row} = 0.0f;`,
      `for (var lane = 0u; lane < ${group}u; lane++) { ${target}${row} += tile_values[(local.y * 4u + ${row}u) * ${perRow}u + first_lane + lane]; }`,
    ];
    const share = (text: (row: number) => string): string[] =>
      [0, 1, 2, 3].map((row) => `tile_values[(local.y * 4u + ${row}u) * ${perRow}u + local.x] = ${text(row)};`);
    const index = (row: number): string =>
      linear(
        coordinates.map(({ text, multipleOf }) => ({ text: text.replaceAll("row", `row${row}`), multipleOf })),
        means.shape.slice(0, -2),
      ).text;
    const [meansName, squaresName] = [this.#bindings.write(means).name, this.#bindings.write(squares).name];
    return [
      `let first_lane = local.x / ${group}u * ${group}u;`,
      "workgroupBarrier();",
      ...share((row) => `result${row}.x`),
      "workgroupBarrier();",
      ...[0, 1, 2, 3].flatMap((row) => [
        `let origin${row} = tile_values[(local.y * 4u + ${row}u) * ${perRow}u + first_lane];`,
        `let shifted${row} = result${row} - vec4<f32>(origin${row});`,
      ]),
      "workgroupBarrier();",
      ...share((row) => acrossLanes("sum", `shifted${row}`)),
      "workgroupBarrier();",
      ...[0, 1, 2, 3].flatMap((row) => [
        ...add(row, "total"),
        `let shift${row} = total${row} / ${width}.0f;`,
        `let apart${row} = shifted${row} - vec4<f32>(shift${row});`,
        `let square${row} = apart${row} * apart${row};`,
      ]),
      "workgroupBarrier();",
      ...share((row) => acrossLanes("sum", `square${row}`)),
      "workgroupBarrier();",
      `if (local.x == first_lane && column < ${extentText(this.#matmul.shape.at(-1) as Extent)}) {`,
      `  let tile = column / ${width}u;`,
      ...indent(
        [0, 1, 2, 3].flatMap((row) => [
          `if (row${row} < ${this.#rows().count}) {`,
          ...indent([
            ...add(row, "spread"),
            `${meansName}[${index(row)} * ${extentText(tileCount)} + tile] = origin${row} + shift${row};`,
            `${squaresName}[${index(row)} * ${extentText(tileCount)} + tile] = spread${row};`,
          ]),
          "}",
        ]),
      ),
      "}",
    ];
  }
}

function zeros(width: number): string[] {
  return [0, 1, 2, 3].map((lane) => `right_tile[place + ${lane * width}u] = vec4<f32>();`);
}

const isWholeColumns = (columns: Extent, tile: number): boolean => typeof columns === "number" && columns % tile === 0;
