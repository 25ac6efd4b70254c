/**
 * Outer-product matmul: both operand tiles are staged K-major, and an invocation holds blocks of four rows by four columns.
 * Its sums are whole vectors of the result, stored directly unless the workgroup splits K.
 *
 * Not for kernels with statistics of the result, which need adjacent columns in adjacent invocations.
 *
 * Must stay true: barriers are reached by all invocations of a workgroup.
 */
import { at } from "../../wgsl/coordinates.ts";
import { indent } from "../../wgsl/declarations.ts";
import { Block } from "../../wgsl/expressions.ts";
import { extentText } from "../../wgsl/storage.ts";
import type { MatmulEpilogue } from "./epilogue.ts";
import type { Side } from "./k-contiguous-tiles.ts";
import type { KMajorTiles, LoadBlock } from "./k-major-tiles.ts";
import { inStage } from "./mainloop.ts";
import { isMultiple } from "./operands.ts";
import { alongK, type Multiplication, type RegisterTiledMatmul } from "./register-tiled.ts";
import { kMajorTiles, type RegisterTile, stepOf, threadGrid, threadsOf } from "./register-tiles.ts";

const lanes = ["x", "y", "z", "w"] as const;
const four = [0, 1, 2, 3] as const;

/** Rows per invocation staged at a time: enough to keep all invocations busy, within the memory of the operands' tiles. */
function rowsStagedOf(tile: RegisterTile, layout: KMajorTiles): number {
  const { workgroupSplitK, threadTile, tileM, tileN } = tile;
  const ofOneRow = ((tileM / threadTile[0]) * tileN) / 4;
  const hasRoom = (together: number): boolean => together * workgroupSplitK * ofOneRow <= layout.length;
  const isEnough = (together: number): boolean => together * ofOneRow >= threadsOf(tile);
  const choices = [1, 2, 4].filter((together) => together === 1 || hasRoom(together));
  return choices.find(isEnough) ?? (choices.at(-1) as number);
}

export class OuterProduct implements Multiplication {
  readonly #matmul: RegisterTiledMatmul;
  readonly #tile: RegisterTile;
  readonly #layout: KMajorTiles;
  /** Invocations along the rows and along the columns. */
  readonly #threadGrid: readonly [rows: number, columns: number];
  readonly #rowsStaged: number;

  constructor(matmul: RegisterTiledMatmul) {
    this.#matmul = matmul;
    this.#tile = matmul.tile;
    this.#layout = kMajorTiles(matmul.tile);
    this.#threadGrid = threadGrid(matmul.tile);
    this.#rowsStaged = rowsStagedOf(matmul.tile, this.#layout);
  }

  /** Declares `load_right` of a right operand that is K-major in memory: four columns at one index along K. */
  declareLoadRight(): void {
    const { operands, request } = this.#matmul;
    const { right, rows, k, columns } = operands;
    const block = new Block(request.bindings);
    const vector = block.vector(right, [...rows.rightLeading, at("k"), at("inside", 4)]);
    request.declarations.function("load_right", "(batch: u32, column: u32, k: u32) -> vec4<f32>", [
      ...(isMultiple(k, stepOf(this.#tile)) ? [] : [`if (k >= ${extentText(k)}) { return vec4<f32>(); }`]),
      `let inside = min(column, (${extentText(columns)} - 1u) & ~3u);`,
      ...block.lines,
      `return ${vector};`,
    ]);
  }

  #nameOf(name: string): string {
    return this.#matmul.request.declarations.nameOf(name);
  }

  get #tiles(): string {
    return this.#matmul.memory.get("tiles") ?? "";
  }

  multiply(): string[] {
    const { prefetchStages } = this.#tile;
    const { blocks, declareSide } = this.#layout;
    return [
      ...this.#forEachSum((r, g) => `var sum${r}_${g} = vec4<f32>();`),
      ...declareSide,
      ...blocks.flatMap((block) => [
        `let ${block.name}_k = ${block.k};`,
        `let ${block.name}_tile_row = ${block.row};`,
        `let ${block.name}_place = ${block.place};`,
        ...this.#rowsOf(block),
      ]),
      ...Array.from({ length: prefetchStages }, (_, stage) =>
        blocks.flatMap(({ name }) =>
          four.map((index) => `var ${inStage(`${name}_${index}`, stage)}: vec4<${this.#matmul.stagingType}>;`),
        ),
      ).flat(),
      ...alongK(this.#matmul, {
        prefetchStages,
        loadFromGlobal: (stage) => blocks.flatMap((block) => this.#loadFromGlobal(block, stage)),
        storeToShared: (stage) => blocks.flatMap((block) => this.#storeToShared(block, stage)),
        multiply: () => this.#multiplyStep(),
      }),
    ];
  }

  /** For each vector of an invocation's sums: four columns of a row. */
  #forEachSum<T>(make: (r: number, g: number) => T): T[] {
    const [rows, columns] = this.#tile.threadTile;
    const groups = columns / 4;
    return Array.from({ length: rows * groups }, (_, index) => make(Math.floor(index / groups), index % groups));
  }

  /** Declares the rows of a block of the left operand, the same in all steps. */
  #rowsOf({ name, sides }: LoadBlock): string[] {
    if (!sides.includes("left")) return [];
    const last = `${this.#matmul.operands.rows.count} - 1u`;
    return four.map((index) => `let ${name}_row${index} = min(first_row + ${name}_tile_row + ${index}u, ${last});`);
  }

  #loadFromGlobal({ name, sides }: LoadBlock, stage: number): string[] {
    const left = four.map((index) => {
      const place = `${name}_row${index}, ${name}_tile_row + ${index}u, k0 + ${name}_k`;
      return `${inStage(`${name}_${index}`, stage)} = ${this.#nameOf("load_left")}(batch, ${place});`;
    });
    const right = four.map((index) => {
      const [row, k] = this.#matmul.operands.isRightTransposed ? [` + ${index}u`, ""] : ["", ` + ${index}u`];
      const place = `first_column + ${name}_tile_row${row}, k0 + ${name}_k${k}`;
      return `${inStage(`${name}_${index}`, stage)} = ${this.#nameOf("load_right")}(batch, ${place});`;
    });
    return this.#bySide(sides, left, right);
  }

  #storeToShared(block: LoadBlock, stage: number): string[] {
    const { operands, stagingType } = this.#matmul;
    const placed = { ...block, place: `${block.name}_place` };
    const transposed = this.#layout.storeToShared(this.#tiles, placed, stage, stagingType);
    if (operands.isRightTransposed) return transposed;
    return this.#bySide(block.sides, transposed, this.#layout.storeToShared(this.#tiles, placed, stage));
  }

  #bySide(sides: LoadBlock["sides"], left: readonly string[], right: readonly string[]): string[] {
    if (sides.length === 2) return ["if (is_left) {", ...indent(left), "} else {", ...indent(right), "}"];
    return [...(sides[0] === "left" ? left : right)];
  }

  /** A step, unrolled along K. */
  #multiplyStep(): string[] {
    const { tileK, threadTile, workgroupSplitK } = this.#tile;
    const [ys, xs] = this.#threadGrid;
    const layout = this.#layout;
    const ofPart = (side: Side): string => (workgroupSplitK === 1 ? "" : ` + part * ${layout.at(side, tileK)}u`);
    const places = [`let left = y${ofPart("left")};`, `let right = ${layout.start("right")}u + x${ofPart("right")};`];
    const read = (name: string, side: Side, count: number, k: number, stride: number): string[] =>
      Array.from({ length: count / 4 }, (_, g) => {
        return `  let ${name}${g} = ${this.#tiles}[${side} + ${layout.at(side, k) + g * stride}u];`;
      });
    const products = Array.from({ length: tileK }, (_, k) => [
      "{",
      ...read("a", "left", threadTile[0], k, ys),
      ...read("b", "right", threadTile[1], k, xs),
      ...this.#forEachSum((r, g) => {
        const factor = `a${Math.floor(r / 4)}.${lanes[r % 4]}`;
        return `  sum${r}_${g} = fma(vec4<f32>(${factor}), b${g}, sum${r}_${g});`;
      }),
      "}",
    ]);
    return [...places, ...products.flat()];
  }

  store(epilogue: MatmulEpilogue): string[] {
    return this.#tile.workgroupSplitK === 1 ? this.#storeSums(epilogue) : this.#storePartialSums(epilogue);
  }

  /** The tile row of an invocation's row `r`, as WGSL. */
  #tileRow(y: string, r: number): string {
    return `(${y} + ${Math.floor(r / 4) * this.#threadGrid[0]}u) * 4u + ${r % 4}u`;
  }

  #storeVector(epilogue: MatmulEpilogue, slot: string, product: string, tileRow: string, vector: string): string[] {
    const { rows, columns } = this.#matmul.operands;
    return [
      `let tile_row = ${tileRow};`,
      "let row = first_row + tile_row;",
      `let column = first_column + (${vector}) * 4u;`,
      `if (row < ${rows.count} && column < ${extentText(columns)}) {`,
      `  ${epilogue.call(product, slot)};`,
      "}",
    ];
  }

  #storeSums(epilogue: MatmulEpilogue): string[] {
    const [, xs] = this.#threadGrid;
    const vector = (g: number): string => `x + ${g * xs}u`;
    return [
      ...this.#forEachSum((r, g) => {
        const [row, column] = [`first_row + ${this.#tileRow("y", r)}`, `first_column + (${vector(g)}) * 4u`];
        return epilogue.prefetchResidual(`${r}_${g}`, row, column, this.#tile.tileN);
      }).flat(),
      ...this.#forEachSum((r, g) => {
        const lines = this.#storeVector(epilogue, `${r}_${g}`, `sum${r}_${g}`, this.#tileRow("y", r), vector(g));
        return ["{", ...indent(lines), "}"];
      }).flat(),
    ];
  }

  /** Adds the partial sums in workgroup memory, some rows of every invocation at a time. */
  #storePartialSums(epilogue: MatmulEpilogue): string[] {
    const { threadTile, tileN } = this.#tile;
    const [ys] = this.#threadGrid;
    const together = this.#rowsStaged;
    const threads = threadsOf(this.#tile);
    const width = tileN / 4;
    const vectors = together * ys * width;
    const steps = Math.ceil(vectors / threads);
    const isWhole = vectors % threads === 0;
    const rounds = Array.from({ length: threadTile[0] / together }, (_, round) => round * together);
    return [
      ...rounds.flatMap((r) =>
        Array.from({ length: steps }, (_, step) => {
          const place = `local_index + ${step * threads}u`;
          const element = isWhole ? `(${place})` : `min(${place}, ${vectors - 1}u)`;
          const row = `first_row + ${this.#stagedRow(`${element} / ${width}u`, r)}`;
          const column = `first_column + ${element} % ${width}u * 4u`;
          return epilogue.prefetchResidual(`${r}_${step}`, row, column, tileN);
        }).flat(),
      ),
      ...rounds.flatMap((r) => [
        "workgroupBarrier();",
        ...this.#stage(r),
        "workgroupBarrier();",
        ...epilogue.forEach(steps, String(r), (slot) => {
          const [tileRow, vector] = [this.#stagedRow(`element / ${width}u`, r), `element % ${width}u`];
          const lines = this.#storeVector(epilogue, slot, this.#totalOf(vectors), tileRow, vector);
          const element = `let element = local_index + step * ${threads}u;`;
          return isWhole ? [element, ...lines] : [element, `if (element < ${vectors}u) {`, ...indent(lines), "}"];
        }),
      ]),
    ];
  }

  /** Stages the partial sums of some rows of each invocation, from its row `r` on. */
  #stage(r: number): string[] {
    const { threadTile, tileN } = this.#tile;
    const [ys, xs] = this.#threadGrid;
    const width = tileN / 4;
    const together = this.#rowsStaged;
    return Array.from({ length: together }, (_, q) =>
      Array.from({ length: threadTile[1] / 4 }, (__, g) => {
        const row = together === 1 ? `part * ${ys}u + y` : `part * ${together * ys}u + ${q * ys}u + y`;
        return `${this.#tiles}[(${row}) * ${width}u + x + ${g * xs}u] = sum${r + q}_${g};`;
      }),
    ).flat();
  }

  /** The sum of the partial sums, as WGSL. @param vectors the stride between slices. */
  #totalOf(vectors: number): string {
    const parts = Array.from({ length: this.#tile.workgroupSplitK }, (_, part) => part);
    return parts.map((part) => `${this.#tiles}[element + ${part * vectors}u]`).join(" + ");
  }

  /** The tile row of a staged row, of those from an invocation's row `r` on. */
  #stagedRow(row: string, r: number): string {
    const [ys] = this.#threadGrid;
    if (this.#rowsStaged === 1) return this.#tileRow(row, r);
    return `${this.#tileRow(`${row} % ${ys}u`, r)} + ${row} / ${ys}u`;
  }
}
