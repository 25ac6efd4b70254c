/**
 * Dot-product matmul: both operands' tiles are staged K-contiguous, and an invocation multiplies four elements along K of a
 * row and a column at a time.
 *
 * The result goes through workgroup memory, where the slices of a workgroup that splits K are added, and each invocation
 * gets whole vectors of rows for the epilogue.
 *
 * Must stay true: barriers are reached by all invocations of a workgroup.
 */
import { at } from "../../wgsl/coordinates.ts";
import { indent } from "../../wgsl/declarations.ts";
import { Block } from "../../wgsl/expressions.ts";
import { extentText, vectorOf } from "../../wgsl/storage.ts";
import type { MatmulEpilogue, StatisticsReduction } from "./epilogue.ts";
import type { KContiguousTiles } from "./k-contiguous-tiles.ts";
import { inStage } from "./mainloop.ts";
import { isMultiple } from "./operands.ts";
import { alongK, type Multiplication, type RegisterTiledMatmul } from "./register-tiled.ts";
import { kContiguousTiles, stepOf, threadGrid, threadsOf, unrolls } from "./register-tiles.ts";

export class DotProduct implements Multiplication {
  readonly #matmul: RegisterTiledMatmul;
  readonly #layout: KContiguousTiles;
  /** Invocations along the rows and along the columns. */
  readonly #threadGrid: readonly [rows: number, columns: number];
  readonly #threads: number;

  constructor(matmul: RegisterTiledMatmul) {
    this.#matmul = matmul;
    this.#layout = kContiguousTiles(matmul.tile);
    this.#threadGrid = threadGrid(matmul.tile);
    this.#threads = threadsOf(matmul.tile);
  }

  /** Declares `load_right`: loads four elements along K of four contiguous columns, transposes and stores them. */
  declareLoadRight(): void {
    const { operands, tile, request } = this.#matmul;
    const { right, rows, k, columns } = operands;
    const block = new Block(request.bindings);
    const lines = [0, 1, 2, 3].map((lane) => {
      const row = [...rows.rightLeading, at(`min(k + ${lane}u, ${extentText(k)} - 1u)`), at("column", 4)];
      return `row${lane} = ${block.vector(right, row)};`;
    });
    const inside = [
      ...(isMultiple(k, stepOf(tile)) ? [] : [`k < ${extentText(k)}`]),
      ...(isMultiple(columns, tile.tileN) ? [] : [`column < ${extentText(columns)}`]),
    ];
    const load = [...block.lines, ...lines];
    request.declarations.function("load_right", "(batch: u32, column: u32, k: u32, place: u32)", [
      ...[0, 1, 2, 3].map((lane) => `var row${lane} = vec4<f32>();`),
      ...(inside.length === 0 ? load : [`if (${inside.join(" && ")}) {`, ...indent(load), "}"]),
      ...["x", "y", "z", "w"].map((lane, index) => {
        const transposed = `vec4<f32>(row0.${lane}, row1.${lane}, row2.${lane}, row3.${lane})`;
        return `${this.#tiles}[place + ${index * this.#layout.stride}u] = ${transposed};`;
      }),
    ]);
  }

  get #loadLeft(): string {
    return this.#matmul.request.declarations.nameOf("load_left");
  }

  get #loadRight(): string {
    return this.#matmul.request.declarations.nameOf("load_right");
  }

  get #tiles(): string {
    return this.#matmul.memory.get("tiles") ?? "";
  }

  get #staged(): string {
    return this.#matmul.memory.get("staged") ?? "";
  }

  multiply(): string[] {
    const prefetchStages = this.#prefetchStages;
    const vector = `vec4<${this.#matmul.stagingType}>`;
    return [
      ...this.#forEachSum((r, c) => `var sum${r}_${c} = 0.0f;`),
      ...this.#declareCoordinates(),
      ...this.#layout.declare("left", vector, prefetchStages),
      ...(this.#isRightTransposed ? this.#layout.declare("right", vector, prefetchStages) : []),
      ...alongK(this.#matmul, {
        prefetchStages,
        loadFromGlobal: (stage) => this.#loadFromGlobal(stage),
        storeToShared: (stage) => this.#storeToShared(stage),
        multiply: () => this.#multiplyStep(),
      }),
    ];
  }

  get #isRightTransposed(): boolean {
    return this.#matmul.operands.isRightTransposed;
  }

  /** A right operand that is transposed while it is stored is not prefetched. */
  get #prefetchStages(): number {
    return this.#isRightTransposed ? this.#matmul.tile.prefetchStages : 1;
  }

  #forEachSum(text: (r: number, c: number) => string): string[] {
    const [rows, columns] = this.#matmul.tile.threadTile;
    return Array.from({ length: rows * columns }, (_, index) => text(Math.floor(index / columns), index % columns));
  }

  /** Declares the coordinates of the vectors that an invocation loads, which are the same in all steps but for `k0`. */
  #declareCoordinates(): string[] {
    const { rows } = this.#matmul.operands;
    const left = this.#layout
      .slots("left")
      .flatMap(({ name, row, vector }) => [
        `let ${name}_row = min(first_row + ${row}, ${rows.count} - 1u);`,
        `let ${name}_k = ${vector} * 4u;`,
      ]);
    if (!this.#isRightTransposed) return left;
    const right = this.#layout
      .slots("right")
      .flatMap(({ name, row, vector }) => [
        `let ${name}_column = first_column + ${row};`,
        `let ${name}_k = ${vector} * 4u;`,
      ]);
    return [...left, ...right];
  }

  #loadFromGlobal(stage: number): string[] {
    const left = this.#layout.slots("left").map(({ name, row }) => {
      return `${inStage(name, stage)} = ${this.#loadLeft}(batch, ${name}_row, ${row}, k0 + ${name}_k);`;
    });
    if (!this.#isRightTransposed) return left;
    const right = this.#layout.slots("right").map(({ name }) => {
      return `${inStage(name, stage)} = ${this.#loadRight}(batch, ${name}_column, k0 + ${name}_k);`;
    });
    return [...left, ...right];
  }

  #storeToShared(stage: number): string[] {
    const { tile, stagingType } = this.#matmul;
    const convert = (register: string): string => vectorOf(register, stagingType);
    const left = this.#layout.storeToShared("left", this.#tiles, stage, convert);
    if (this.#isRightTransposed) {
      return [...left, ...this.#layout.storeToShared("right", this.#tiles, stage, convert)];
    }
    const width = tile.tileN / 4;
    const place = `${this.#layout.start("right")}u + column * ${this.#layout.stride}u + vector`;
    return [
      ...left,
      `for (var index = local_index; index < ${(width * stepOf(tile)) / 4}u; index += ${this.#threads}u) {`,
      `  let column = index % ${width}u * 4u;`,
      `  let vector = index / ${width}u;`,
      `  ${this.#loadRight}(batch, first_column + column, k0 + vector * 4u, ${place});`,
      "}",
    ];
  }

  #multiplyStep(): string[] {
    const vectors = this.#matmul.tile.tileK / 4;
    const { stride } = this.#layout;
    const isUnrolled = unrolls(this.#matmul.operands.columns);
    const first = `part * ${vectors}u${isUnrolled ? "" : " + v"}`;
    const places = [
      `let left = y * ${stride}u + ${first};`,
      `let right = ${this.#layout.start("right")}u + x * ${stride}u + ${first};`,
    ];
    if (!isUnrolled) {
      const loop = `for (var v = 0u; v < ${vectors}u; v++) {`;
      return [loop, ...indent([...places, ...this.#multiplyVectors(0)]), "}"];
    }
    const blocks = Array.from({ length: vectors }, (_, v) => ["{", ...indent(this.#multiplyVectors(v)), "}"]);
    return [...places, ...blocks.flat()];
  }

  /** Multiplies four elements along K: the vectors at offset `v`. */
  #multiplyVectors(v: number): string[] {
    const [rows, columns] = this.#matmul.tile.threadTile;
    const [ys, xs] = this.#threadGrid;
    const at = (side: string, row: number): string => `${this.#tiles}[${side} + ${row * this.#layout.stride + v}u]`;
    return [
      ...Array.from({ length: columns }, (_, c) => `let b${c} = ${at("right", c * xs)};`),
      ...Array.from({ length: rows }, (_, r) => [
        `let a${r} = ${at("left", r * ys)};`,
        ...["x", "y", "z", "w"].flatMap((lane) =>
          Array.from({ length: columns }, (__, c) => `sum${r}_${c} = fma(a${r}.${lane}, b${c}.${lane}, sum${r}_${c});`),
        ),
      ]).flat(),
    ];
  }

  /** Stores the result, one row of every invocation at a time. */
  store(epilogue: MatmulEpilogue): string[] {
    const [rows, columns] = this.#matmul.tile.threadTile;
    const [ys, xs] = this.#threadGrid;
    const ownRows = Array.from({ length: rows }, (_, r) => r);
    return [
      ...ownRows.flatMap((r) => this.#prefetchResidual(r, epilogue)),
      ...ownRows.flatMap((r) => [
        "workgroupBarrier();",
        ...Array.from({ length: columns }, (_, c) => {
          const place = `(part * ${ys}u + y) * ${this.#matmul.tile.tileN}u + x + ${c * xs}u`;
          return `${this.#staged}[${place}] = sum${r}_${c};`;
        }),
        "workgroupBarrier();",
        ...this.#storeRows(r, epilogue),
      ]),
    ];
  }

  /** Vectors of the result staged at a time. */
  get #stagedVectors(): number {
    return (this.#threadGrid[0] * this.#matmul.tile.tileN) / 4;
  }

  get #storeSteps(): number {
    return Math.ceil(this.#stagedVectors / this.#threads);
  }

  #prefetchResidual(r: number, epilogue: MatmulEpilogue): string[] {
    const { tileN } = this.#matmul.tile;
    const perRow = tileN / 4;
    return Array.from({ length: this.#storeSteps }, (_, step) => {
      const element = `(local_index + ${step * this.#threads}u)`;
      const row = `first_row + ${element} / ${perRow}u + ${r * this.#threadGrid[0]}u`;
      const column = `first_column + ${element} % ${perRow}u * 4u`;
      return epilogue.prefetchResidual(`${r}_${step}`, row, column, tileN);
    }).flat();
  }

  #storeRows(r: number, epilogue: MatmulEpilogue): string[] {
    const { operands, tile } = this.#matmul;
    const { workgroupSplitK, tileN } = tile;
    const { hasStatistics } = epilogue;
    const [ys] = this.#threadGrid;
    const partialSum = (part: number): string => {
      const lane = (index: number): string => `${this.#staged}[element * 4u + ${part * ys * tileN + index}u]`;
      return `vec4<f32>(${[0, 1, 2, 3].map(lane).join(", ")})`;
    };
    const inside = [
      ...(this.#stagedVectors % this.#threads === 0 ? [] : [`element < ${this.#stagedVectors}u`]),
      `row < ${operands.rows.count}`,
      `column < ${extentText(operands.columns)}`,
    ];
    return epilogue.forEach(this.#storeSteps, String(r), (slot) => [
      `let element = local_index + step * ${this.#threads}u;`,
      `let tile_row = element / ${tileN / 4}u + ${r * ys}u;`,
      "let row = first_row + tile_row;",
      `let column = first_column + element % ${tileN / 4}u * 4u;`,
      `let is_inside = ${inside.join(" && ")};`,
      ...(hasStatistics ? ["var result = vec4<f32>();"] : []),
      "if (is_inside) {",
      `  let product = ${Array.from({ length: workgroupSplitK }, (_, part) => partialSum(part)).join(" + ")};`,
      `  ${hasStatistics ? "result = " : ""}${epilogue.call("product", slot)};`,
      "}",
      ...epilogue.tileStatistics((lanes) => this.#throughMemory(lanes)),
    ]);
  }

  /** Statistics are combined through workgroup memory, since devices need not support subgroups. */
  #throughMemory(lanes: number): StatisticsReduction {
    const values = this.#matmul.memory.get("shared_values") ?? "";
    const exchange = (text: string): string[] => [
      "workgroupBarrier();",
      `${values}[local_index] = ${text};`,
      "workgroupBarrier();",
    ];
    return {
      start: [`let first_lane = local_index / ${lanes}u * ${lanes}u;`],
      origin: [...exchange("result.x"), `let origin = ${values}[first_lane];`],
      sum: (name, value) => [
        ...exchange(value),
        `var ${name} = 0.0f;`,
        `for (var lane = 0u; lane < ${lanes}u; lane++) { ${name} += ${values}[first_lane + lane]; }`,
      ],
      isFirst: "local_index == first_lane && is_inside",
    };
  }
}
