/**
 * The kernel of matmuls in tiles whose strips are turned (`turned-strips.ts`): as `matmul.ts`, but an invocation has blocks of
 * four rows by four columns. Its sums are whole vectors of the result, stored as they are, unless the inner dimension is
 * divided among parts of the workgroup.
 *
 * Does not apply where statistics of the result are computed: neighbours would have to have neighbouring columns.
 *
 * Must stay true: barriers are reached by all invocations of a workgroup.
 */
import type { Value } from "../../../../program/program.ts";
import type { KernelBindings } from "../../wgsl/bindings.ts";
import { at } from "../../wgsl/coordinates.ts";
import { Block } from "../../wgsl/expressions.ts";
import { indent, type KernelSource } from "../../wgsl/kernel-source.ts";
import { extentText } from "../../wgsl/storage.ts";
import type { StripBlock, TurnedStrips } from "./k-major-tiles.ts";
import { inSet } from "./mainloop.ts";
import { type Finish, isMultiple, type MatmulKernel, MatmulParts } from "./matmul-common.ts";
import { alongDepth, plainMatmulSource } from "./register-tiled.ts";
import { apartOf, invocationsOf, type MatmulTile, stepOf, turnedLengthOf, turnedStripsOf } from "./tiles.ts";

export function turnedMatmulKernel(
  kernel: MatmulKernel,
  interior: readonly Value[],
  bindings: KernelBindings,
  tile: MatmulTile,
): KernelSource {
  return new TurnedMatmulGenerator(new MatmulParts(kernel, interior, bindings), tile).generate();
}

const lanes = ["x", "y", "z", "w"] as const;
const four = [0, 1, 2, 3] as const;

/**
 * Rows of each invocation of which the sums are staged at a time: as many as keep all invocations busy, if the sums of all
 * parts then take no more room than the strips.
 */
function rowsStagedOf(tile: MatmulTile, strips: TurnedStrips): number {
  const { parts, own, rows, columns } = tile;
  const ofOneRow = ((rows / own[0]) * columns) / 4;
  const hasRoom = (together: number): boolean => together * parts * ofOneRow <= strips.length;
  const isEnough = (together: number): boolean => together * ofOneRow >= invocationsOf(tile);
  const choices = [1, 2, 4].filter((together) => together === 1 || hasRoom(together));
  return choices.find(isEnough) ?? (choices.at(-1) as number);
}

class TurnedMatmulGenerator {
  readonly #parts: MatmulParts;
  readonly #tile: MatmulTile;
  readonly #brought: "f32" | "f16";
  readonly #strips: TurnedStrips;
  /** Invocations along the rows and along the columns. */
  readonly #apart: readonly [rows: number, columns: number];
  /** Rows of each invocation of which the parts' sums are added at a time. */
  readonly #rowsStaged: number;

  constructor(parts: MatmulParts, tile: MatmulTile) {
    this.#parts = parts;
    this.#tile = tile;
    this.#brought = parts.broughtType();
    this.#strips = turnedStripsOf(tile);
    this.#apart = apartOf(tile);
    this.#rowsStaged = rowsStagedOf(tile, this.#strips);
  }

  generate(): KernelSource {
    return plainMatmulSource(this.#parts, this.#tile, {
      memory: [
        "// Strips of both operands, then the sums of the parts.",
        `var<workgroup> strips: array<vec4<f32>, ${turnedLengthOf(this.#tile)}>;`,
      ],
      brought: this.#brought,
      loadRight: () => this.#loadRightRow(),
      multiply: () => this.#multiply(),
      epilogue: (finish) => (this.#tile.parts === 1 ? this.#finishOwn(finish) : this.#finishParts(finish)),
    });
  }

  /** `load_right` of a right operand that lies in memory as the strip does: four columns of row k. */
  #loadRightRow(): string {
    const { operands, rows, bindings, depth, columns } = this.#parts;
    const block = new Block(bindings);
    const vector = block.vector(operands.right, [...rows.rightLeading, at("k"), at("inside", 4)]);
    return [
      "fn load_right(batch: u32, column: u32, k: u32) -> vec4<f32> {",
      ...(isMultiple(depth, stepOf(this.#tile)) ? [] : [`  if (k >= ${extentText(depth)}) { return vec4<f32>(); }`]),
      `  let inside = min(column, (${extentText(columns)} - 1u) & ~3u);`,
      ...indent(block.lines),
      `  return ${vector};`,
      "}",
    ].join("\n");
  }

  #multiply(): string[] {
    const { ahead } = this.#tile;
    const { blocks, declareSide } = this.#strips;
    return [
      ...this.#eachSum((r, g) => `var sum${r}_${g} = vec4<f32>();`),
      ...declareSide,
      ...blocks.flatMap((block) => [
        `let ${block.name}_k = ${block.k};`,
        `let ${block.name}_line = ${block.line};`,
        `let ${block.name}_place = ${block.place};`,
        ...this.#rowsOf(block),
      ]),
      ...Array.from({ length: ahead }, (_, set) =>
        blocks.flatMap(({ name }) =>
          four.map((index) => `var ${inSet(`${name}_${index}`, set)}: vec4<${this.#brought}>;`),
        ),
      ).flat(),
      ...alongDepth(this.#parts, this.#tile, {
        ahead,
        fetch: (set) => blocks.flatMap((block) => this.#fetch(block, set)),
        keep: (set) => blocks.flatMap((block) => this.#keep(block, set)),
        multiply: () => this.#multiplyStep(),
      }),
    ];
  }

  /** For each vector of sums of an invocation: of one of its rows, four of its columns. */
  #eachSum<T>(make: (r: number, g: number) => T): T[] {
    const [rows, columns] = this.#tile.own;
    const groups = columns / 4;
    return Array.from({ length: rows * groups }, (_, index) => make(Math.floor(index / groups), index % groups));
  }

  /** The rows of a block of the left operand, the same in all steps. */
  #rowsOf({ name, sides }: StripBlock): string[] {
    if (!sides.includes("left")) return [];
    return four.map((index) => {
      return `let ${name}_row${index} = min(first_row + ${name}_line + ${index}u, ${this.#parts.rows.count} - 1u);`;
    });
  }

  #fetch({ name, sides }: StripBlock, set: number): string[] {
    const left = four.map((index) => {
      const place = `${name}_row${index}, ${name}_line + ${index}u, k0 + ${name}_k`;
      return `${inSet(`${name}_${index}`, set)} = load_left(batch, ${place});`;
    });
    const right = four.map((index) => {
      const [line, k] = this.#parts.isRightTransposed ? [` + ${index}u`, ""] : ["", ` + ${index}u`];
      const place = `first_column + ${name}_line${line}, k0 + ${name}_k${k}`;
      return `${inSet(`${name}_${index}`, set)} = load_right(batch, ${place});`;
    });
    return this.#bySide(sides, left, right);
  }

  #keep(block: StripBlock, set: number): string[] {
    const placed = { ...block, place: `${block.name}_place` };
    const turned = this.#strips.keep(placed, set, this.#brought);
    return this.#parts.isRightTransposed
      ? turned
      : this.#bySide(block.sides, turned, this.#strips.keep(placed, set, undefined));
  }

  #bySide(sides: StripBlock["sides"], left: readonly string[], right: readonly string[]): string[] {
    if (sides.length === 2) return ["if (is_left) {", ...indent(left), "} else {", ...indent(right), "}"];
    return [...(sides[0] === "left" ? left : right)];
  }

  /** What a part takes of the strips at a time, place by place of the inner dimension. */
  #multiplyStep(): string[] {
    const { depth, own, parts } = this.#tile;
    const [ys, xs] = this.#apart;
    const strips = this.#strips;
    const ofPart = (side: "left" | "right"): string => (parts === 1 ? "" : ` + part * ${strips.at(side, depth)}u`);
    const places = [`let left = y${ofPart("left")};`, `let right = ${strips.start("right")}u + x${ofPart("right")};`];
    const products = Array.from({ length: depth }, (_, k) => [
      "{",
      ...Array.from(
        { length: own[0] / 4 },
        (__, g) => `  let a${g} = strips[left + ${strips.at("left", k) + g * ys}u];`,
      ),
      ...Array.from(
        { length: own[1] / 4 },
        (__, g) => `  let b${g} = strips[right + ${strips.at("right", k) + g * xs}u];`,
      ),
      ...this.#eachSum((r, g) => {
        const factor = `a${Math.floor(r / 4)}.${lanes[r % 4]}`;
        return `  sum${r}_${g} = fma(vec4<f32>(${factor}), b${g}, sum${r}_${g});`;
      }),
      "}",
    ]);
    return [...places, ...products.flat()];
  }

  /** Which row of the tile an invocation's is, by that of its block. */
  #tileRow(y: string, r: number): string {
    return `(${y} + ${Math.floor(r / 4) * this.#apart[0]}u) * 4u + ${r % 4}u`;
  }

  #finishOne(finish: string, product: string, tileRow: string, vector: string): string[] {
    return [
      `let tile_row = ${tileRow};`,
      "let row = first_row + tile_row;",
      `let column = first_column + (${vector}) * 4u;`,
      `if (row < ${this.#parts.rows.count} && column < ${extentText(this.#parts.columns)}) {`,
      `  finish(batch, row, tile_row, column, ${product}${finish});`,
      "}",
    ];
  }

  /** Every invocation finishes its own sums. */
  #finishOwn(finish: Finish): string[] {
    const [, xs] = this.#apart;
    const vector = (g: number): string => `x + ${g * xs}u`;
    return [
      ...this.#eachSum((r, g) => {
        const [row, column] = [`first_row + ${this.#tileRow("y", r)}`, `first_column + (${vector(g)}) * 4u`];
        return this.#parts.readAhead(finish, `${r}_${g}`, row, column, this.#tile.columns);
      }).flat(),
      ...this.#eachSum((r, g) => {
        const further = finish.ahead.map((name) => `, ${name}_${r}_${g}`).join("");
        return ["{", ...indent(this.#finishOne(further, `sum${r}_${g}`, this.#tileRow("y", r), vector(g))), "}"];
      }).flat(),
    ];
  }

  /** The sums of all parts are added in workgroup memory, of every invocation some of its rows at a time. */
  #finishParts(finish: Finish): string[] {
    const { own, columns } = this.#tile;
    const [ys] = this.#apart;
    const together = this.#rowsStaged;
    const invocations = invocationsOf(this.#tile);
    const width = columns / 4;
    const vectors = together * ys * width;
    const steps = Math.ceil(vectors / invocations);
    const isWhole = vectors % invocations === 0;
    const rounds = Array.from({ length: own[0] / together }, (_, round) => round * together);
    return [
      ...rounds.flatMap((r) =>
        Array.from({ length: steps }, (_, step) => {
          const place = `local_index + ${step * invocations}u`;
          const element = isWhole ? `(${place})` : `min(${place}, ${vectors - 1}u)`;
          const [row, column] = [
            `first_row + ${this.#stagedRow(`${element} / ${width}u`, r)}`,
            `first_column + ${element} % ${width}u * 4u`,
          ];
          return this.#parts.readAhead(finish, `${r}_${step}`, row, column, columns);
        }).flat(),
      ),
      ...rounds.flatMap((r) => [
        "workgroupBarrier();",
        ...this.#stage(r),
        "workgroupBarrier();",
        ...this.#parts.finishEach(finish, steps, String(r), (further) => {
          const lines = this.#finishOne(
            further,
            this.#product(vectors),
            this.#stagedRow(`element / ${width}u`, r),
            `element % ${width}u`,
          );
          const element = `let element = local_index + step * ${invocations}u;`;
          return isWhole ? [element, ...lines] : [element, `if (element < ${vectors}u) {`, ...indent(lines), "}"];
        }),
      ]),
    ];
  }

  /** The sums of some rows of each invocation, from its row r on. */
  #stage(r: number): string[] {
    const { own, columns } = this.#tile;
    const [ys, xs] = this.#apart;
    const width = columns / 4;
    const together = this.#rowsStaged;
    return Array.from({ length: together }, (_, q) =>
      Array.from({ length: own[1] / 4 }, (__, g) => {
        const line = together === 1 ? `part * ${ys}u + y` : `part * ${together * ys}u + ${q * ys}u + y`;
        return `strips[(${line}) * ${width}u + x + ${g * xs}u] = sum${r + q}_${g};`;
      }),
    ).flat();
  }

  /** The sum of all parts' sums, each so many vectors behind the one before. */
  #product(vectors: number): string {
    return Array.from({ length: this.#tile.parts }, (_, part) => `strips[element + ${part * vectors}u]`).join(" + ");
  }

  /** Which row of the tile a staged line is, of those from an invocation's row r on. */
  #stagedRow(line: string, r: number): string {
    const [ys] = this.#apart;
    if (this.#rowsStaged === 1) return this.#tileRow(line, r);
    return `${this.#tileRow(`${line} % ${ys}u`, r)} + ${line} / ${ys}u`;
  }
}
