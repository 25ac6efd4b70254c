/**
 * The kernel of matmuls: tiles of the result, each computed by a workgroup that holds a strip of both operands in
 * workgroup memory, every invocation four by four elements in registers.
 *
 * Whatever the schedule put before the matmul is computed while the left operand is read, and whatever it put after it
 * while the result is still in registers. Numbers that belong to a whole row (a LayerNorm's mean and deviation) are
 * computed once a tile, before anything else.
 */
import type { Kernel, TileStatistics } from "../../../passes/schedule.ts";
import type { Extent, Value } from "../../../program/program.ts";
import type { KernelBindings } from "../codegen/bindings.ts";
import { at, linear } from "../codegen/coordinates.ts";
import { acrossLanes, Block, transposed } from "../codegen/expressions.ts";
import { assemble, indent, type KernelLimits, type KernelSource, productOf } from "../codegen/kernel-source.ts";
import { extentText } from "../codegen/storage.ts";
import { isMultiple, MatmulParts } from "./matmul-parts.ts";
import { rowScalars } from "./row-scalars.ts";

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

export function matmulKernel(
  kernel: Kernel & { readonly template: { readonly kind: "matmul" } },
  interior: readonly Value[],
  bindings: KernelBindings,
  limits: KernelLimits,
): KernelSource {
  const { matmul, statistics } = kernel.template;
  const generator = new MatmulGenerator(new MatmulParts(matmul, bindings), chooseTile(limits));
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
  readonly #parts: MatmulParts;
  readonly #tile: Tile;

  constructor(parts: MatmulParts, tile: Tile) {
    this.#parts = parts;
    this.#tile = tile;
  }

  generate(stores: readonly Value[], interior: readonly Value[], statistics: TileStatistics | undefined): KernelSource {
    const { rows: tileRows, columns: tileColumns, depth } = this.#tile;
    const { matmul, bindings, columns, rowAxes, batchAxes } = this.#parts;
    for (const value of stores) bindings.write(value);
    const scalars = rowScalars(interior, matmul);
    const given = this.#parts.givenScalars(scalars);
    const declarations = [
      ...this.#workgroupMemory(statistics !== undefined),
      ...this.#parts.scalarMemory(scalars, tileRows),
      this.#parts.loadLeft("f32", given, depth),
      this.#loadRight(),
      this.#parts.finish(stores, given, statistics),
    ];
    const body = [
      `let first_row = group.y * ${tileRows}u;`,
      `let first_column = group.x * ${tileColumns}u;`,
      "let batch = group.z;",
      ...this.#parts.computeScalars(scalars, tileRows, (tileRows * tileColumns) / 16),
      ...this.#multiply(),
      ...this.#epilogue(statistics),
    ];
    const workgroupSize = [tileColumns / 4, tileRows / 4];
    return {
      code: assemble(bindings, { declarations, workgroupSize, body }),
      bindings: bindings.bindings,
      workgroups: (extentOf) => [
        Math.ceil(extentOf(columns) / tileColumns),
        Math.ceil(productOf(rowAxes, extentOf) / tileRows),
        productOf(batchAxes, extentOf),
      ],
      workgroupMemory: memoryOf(this.#tile),
      workgroupSize: (tileRows * tileColumns) / 16,
    };
  }

  #workgroupMemory(hasStatistics: boolean): string[] {
    const { rows, columns, depth } = this.#tile;
    return [
      // One vector more a row, so that rows begin in different memory banks.
      `var<workgroup> left_tile: array<vec4<f32>, ${rows * (depth / 4 + 1)}>;`,
      `var<workgroup> right_tile: array<vec4<f32>, ${depth * (columns / 4)}>;`,
      ...(hasStatistics ? [`var<workgroup> tile_values: array<f32, ${(rows * columns) / 4}>;`] : []),
    ];
  }

  /** The right operand four by four: rows k to k + 3 of four columns, into the tile. */
  #loadRight(): string {
    const { operands, rows, bindings, isRightTransposed } = this.#parts;
    const { right } = operands;
    const { rightLeading } = rows;
    const [depth, columns] = right.shape.slice(-2) as [Extent, Extent];
    const block = new Block(bindings);
    const lastColumn = `${extentText(columns)} - 1u`;
    const lastRow = `${extentText(depth)} - 1u`;
    const lines = isRightTransposed
      ? [0, 1, 2, 3].map((lane) => {
          const row = [...rightLeading, at(`min(column + ${lane}u, ${lastColumn})`), at("k", 4)];
          return `let line${lane} = ${block.vector(transposed(right), row)};`;
        })
      : [0, 1, 2, 3].map((lane) => {
          const row = [...rightLeading, at(`min(k + ${lane}u, ${lastRow})`), at("column", 4)];
          return `let line${lane} = ${block.vector(right, row)};`;
        });
    const vectors = isRightTransposed
      ? ["x", "y", "z", "w"].map((lane) => `vec4<f32>(line0.${lane}, line1.${lane}, line2.${lane}, line3.${lane})`)
      : ["line0", "line1", "line2", "line3"];
    const width = this.#tile.columns / 4;
    return [
      "fn load_right(batch: u32, k: u32, column: u32, place: u32) {",
      ...(isMultiple(depth, this.#tile.depth)
        ? []
        : [`  if (k >= ${extentText(depth)}) {`, ...indent(indent(zeros(width))), "    return;", "  }"]),
      ...(isMultiple(columns, this.#tile.columns)
        ? []
        : [`  if (column >= ${extentText(columns)}) {`, ...indent(indent(zeros(width))), "    return;", "  }"]),
      ...indent(block.lines),
      ...indent(lines),
      ...vectors.map((vector, lane) => `  right_tile[place + ${lane * width}u] = ${vector};`),
      "}",
    ].join("\n");
  }

  #multiply(): string[] {
    const { rows, columns, depth } = this.#tile;
    const { count } = this.#parts.rows;
    const [invocations, vectors] = [(rows * columns) / 16, depth / 4];
    const end = extentText(this.#parts.depth);
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
    const { columns, rows } = this.#parts;
    const lines = ["let column = first_column + local.x * 4u;"];
    for (const row of [0, 1, 2, 3]) {
      lines.push(`let row${row} = first_row + local.y * 4u + ${row}u;`);
      if (statistics) lines.push(`var result${row} = vec4<f32>();`);
      lines.push(
        `if (row${row} < ${rows.count} && column < ${extentText(columns)}) {`,
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
    const { coordinates } = this.#parts.rows;
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
    const [meansName, squaresName] = [this.#parts.bindings.write(means).name, this.#parts.bindings.write(squares).name];
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
      `if (local.x == first_lane && column < ${extentText(this.#parts.columns)}) {`,
      `  let tile = column / ${width}u;`,
      ...indent(
        [0, 1, 2, 3].flatMap((row) => [
          `if (row${row} < ${this.#parts.rows.count}) {`,
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
