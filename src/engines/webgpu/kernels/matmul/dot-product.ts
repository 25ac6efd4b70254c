/**
 * The kernel of matmuls: tiles of the result, each computed by a workgroup that holds a strip of both operands in
 * workgroup memory, every invocation some rows and columns of the result in registers.
 *
 * The strips of the next steps are on their way while this one's are multiplied. Lines of both strips run along the inner
 * dimension, so that an invocation reads four elements of a line at a time. The result goes through workgroup memory, where
 * the parts of a divided inner dimension are added, so that each invocation then has whole vectors of rows for what the
 * schedule put after the matmul. What it put before is computed while the left operand is read. Numbers that belong to a
 * whole row (a LayerNorm's mean and deviation) are computed once a tile, before anything else.
 *
 * Must stay true: barriers are reached by all invocations of a workgroup.
 */

import type { Extent, Value } from "../../../../program/program.ts";
import type { TileStatistics } from "../../../../rewrites/split-statistics.ts";
import type { KernelBindings } from "../../wgsl/bindings.ts";
import { at, linear } from "../../wgsl/coordinates.ts";
import { acrossLanes, Block } from "../../wgsl/expressions.ts";
import { indent, type KernelSource } from "../../wgsl/kernel-source.ts";
import { extentText, vectorOf } from "../../wgsl/storage.ts";
import { inSet } from "./mainloop.ts";
import { type Finish, isMultiple, type MatmulKernel, MatmulParts } from "./matmul-common.ts";
import type { Strips } from "./operand-tiles.ts";
import { alongDepth, plainMatmulSource } from "./register-tiled.ts";
import { apartOf, invocationsOf, type MatmulTile, stagedOf, stepOf, stripsOf, unrolls } from "./tiles.ts";

export function matmulKernel(
  kernel: MatmulKernel,
  interior: readonly Value[],
  bindings: KernelBindings,
  tile: MatmulTile,
): KernelSource {
  return new MatmulGenerator(new MatmulParts(kernel, interior, bindings), tile).generate();
}

class MatmulGenerator {
  readonly #parts: MatmulParts;
  readonly #tile: MatmulTile;
  readonly #brought: "f32" | "f16";
  /** Of the inner dimension, that all parts take at a time. */
  readonly #step: number;
  readonly #invocations: number;
  readonly #strips: Strips;
  /** Invocations along the rows and along the columns: what an invocation has for its own is so far apart. */
  readonly #apart: readonly [rows: number, columns: number];

  constructor(parts: MatmulParts, tile: MatmulTile) {
    this.#parts = parts;
    this.#tile = tile;
    this.#brought = parts.broughtType();
    this.#step = stepOf(tile);
    this.#invocations = invocationsOf(tile);
    this.#strips = stripsOf(tile);
    this.#apart = apartOf(tile);
  }

  generate(): KernelSource {
    const { statistics } = this.#parts;
    return plainMatmulSource(this.#parts, this.#tile, {
      memory: [
        "// Strips of both operands.",
        `var<workgroup> strips: array<vec4<f32>, ${this.#strips.length}>;`,
        "// Rows of the result.",
        `var<workgroup> staged: array<f32, ${stagedOf(this.#tile)}>;`,
        ...(statistics ? [`var<workgroup> shared_values: array<f32, ${this.#invocations}>;`] : []),
      ],
      brought: this.#brought,
      loadRight: () => this.#loadRightBlock(),
      multiply: () => this.#multiply(),
      epilogue: (finish) => this.#epilogue(finish),
    });
  }

  /** `load_right` of four columns, which are neighbours in memory: four elements of each, turned and put into the strip. */
  #loadRightBlock(): string {
    const { operands, rows, bindings, depth, columns } = this.#parts;
    const block = new Block(bindings);
    const lines = [0, 1, 2, 3].map((lane) => {
      const row = [...rows.rightLeading, at(`min(k + ${lane}u, ${extentText(depth)} - 1u)`), at("column", 4)];
      return `line${lane} = ${block.vector(operands.right, row)};`;
    });
    const inside = [
      ...(isMultiple(depth, this.#step) ? [] : [`k < ${extentText(depth)}`]),
      ...(isMultiple(columns, this.#tile.columns) ? [] : [`column < ${extentText(columns)}`]),
    ];
    const load = [...block.lines, ...lines];
    return [
      "fn load_right(batch: u32, column: u32, k: u32, place: u32) {",
      ...[0, 1, 2, 3].map((lane) => `  var line${lane} = vec4<f32>();`),
      ...indent(inside.length === 0 ? load : [`if (${inside.join(" && ")}) {`, ...indent(load), "}"]),
      ...["x", "y", "z", "w"].map((lane, index) => {
        const turned = `vec4<f32>(line0.${lane}, line1.${lane}, line2.${lane}, line3.${lane})`;
        return `  strips[place + ${index * this.#strips.line}u] = ${turned};`;
      }),
      "}",
    ].join("\n");
  }

  #multiply(): string[] {
    const ahead = this.#ahead;
    const brought = `vec4<${this.#brought}>`;
    return [
      ...this.#each((r, c) => `var sum${r}_${c} = 0.0f;`),
      ...this.#placesOfUnits(),
      ...this.#strips.declare("left", brought, ahead),
      ...(this.#parts.isRightTransposed ? this.#strips.declare("right", brought, ahead) : []),
      ...alongDepth(this.#parts, this.#tile, {
        ahead,
        fetch: (set) => this.#fetch(set),
        keep: (set) => this.#keep(set),
        multiply: () => this.#multiplyStep(),
      }),
    ];
  }

  /** A right operand that is turned on the way in is loaded when it is due, of one step at a time. */
  get #ahead(): number {
    return this.#parts.isRightTransposed ? this.#tile.ahead : 1;
  }

  /** For each sum of an invocation. */
  #each(text: (r: number, c: number) => string): string[] {
    const [rows, columns] = this.#tile.own;
    return Array.from({ length: rows * columns }, (_, index) => text(Math.floor(index / columns), index % columns));
  }

  /** Where in the operands the units are that an invocation brings; the same in all steps but for `k0`. */
  #placesOfUnits(): string[] {
    const left = this.#strips
      .units("left")
      .flatMap(({ name, line, unit }) => [
        `let ${name}_row = min(first_row + ${line}, ${this.#parts.rows.count} - 1u);`,
        `let ${name}_k = ${unit} * 4u;`,
      ]);
    if (!this.#parts.isRightTransposed) return left;
    const right = this.#strips
      .units("right")
      .flatMap(({ name, line, unit }) => [
        `let ${name}_column = first_column + ${line};`,
        `let ${name}_k = ${unit} * 4u;`,
      ]);
    return [...left, ...right];
  }

  #fetch(set: number): string[] {
    const left = this.#strips.units("left").map(({ name, line }) => {
      return `${inSet(name, set)} = load_left(batch, ${name}_row, ${line}, k0 + ${name}_k);`;
    });
    if (!this.#parts.isRightTransposed) return left;
    const right = this.#strips.units("right").map(({ name }) => {
      return `${inSet(name, set)} = load_right(batch, ${name}_column, k0 + ${name}_k);`;
    });
    return [...left, ...right];
  }

  #keep(set: number): string[] {
    const form = (name: string): string => vectorOf(name, this.#brought);
    const left = this.#strips.keep("left", "strips", set, form);
    if (this.#parts.isRightTransposed) return [...left, ...this.#strips.keep("right", "strips", set, form)];
    const width = this.#tile.columns / 4;
    const place = `${this.#strips.start("right")}u + column * ${this.#strips.line}u + vector`;
    return [
      ...left,
      `for (var index = local_index; index < ${(width * this.#step) / 4}u; index += ${this.#invocations}u) {`,
      `  let column = index % ${width}u * 4u;`,
      `  let vector = index / ${width}u;`,
      `  load_right(batch, first_column + column, k0 + vector * 4u, ${place});`,
      "}",
    ];
  }

  /** What a part takes of the strips at a time. */
  #multiplyStep(): string[] {
    const vectors = this.#tile.depth / 4;
    const { line } = this.#strips;
    const isUnrolled = unrolls(this.#parts.columns);
    const first = `part * ${vectors}u${isUnrolled ? "" : " + v"}`;
    const places = [
      `let left = y * ${line}u + ${first};`,
      `let right = ${this.#strips.start("right")}u + x * ${line}u + ${first};`,
    ];
    if (!isUnrolled) {
      const loop = `for (var v = 0u; v < ${vectors}u; v++) {`;
      return [loop, ...indent([...places, ...this.#multiplyVectors(0)]), "}"];
    }
    const blocks = Array.from({ length: vectors }, (_, v) => ["{", ...indent(this.#multiplyVectors(v)), "}"]);
    return [...places, ...blocks.flat()];
  }

  /** Four steps along the inner dimension, of the vectors that are so many behind the places. */
  #multiplyVectors(v: number): string[] {
    const [rows, columns] = this.#tile.own;
    const [ys, xs] = this.#apart;
    const place = (side: string, lines: number): string => `strips[${side} + ${lines * this.#strips.line + v}u]`;
    return [
      ...Array.from({ length: columns }, (_, c) => {
        return `let b${c} = ${place("right", c * xs)};`;
      }),
      ...Array.from({ length: rows }, (_, r) => [
        `let a${r} = ${place("left", r * ys)};`,
        ...["x", "y", "z", "w"].flatMap((lane) =>
          Array.from({ length: columns }, (__, c) => `sum${r}_${c} = fma(a${r}.${lane}, b${c}.${lane}, sum${r}_${c});`),
        ),
      ]).flat(),
    ];
  }

  /** The result: of every invocation one of its rows at a time. */
  #epilogue(finish: Finish): string[] {
    const [rows, columns] = this.#tile.own;
    const [ys, xs] = this.#apart;
    const ownRows = Array.from({ length: rows }, (_, r) => r);
    return [
      ...ownRows.flatMap((r) => this.#readAhead(r, finish)),
      ...ownRows.flatMap((r) => [
        "workgroupBarrier();",
        ...Array.from({ length: columns }, (_, c) => {
          return `staged[(part * ${ys}u + y) * ${this.#tile.columns}u + x + ${c * xs}u] = sum${r}_${c};`;
        }),
        "workgroupBarrier();",
        ...this.#finishRows(r, finish),
      ]),
    ];
  }

  /** Vectors of the rows that are staged at a time. */
  get #stagedVectors(): number {
    return (this.#apart[0] * this.#tile.columns) / 4;
  }

  get #finishSteps(): number {
    return Math.ceil(this.#stagedVectors / this.#invocations);
  }

  #readAhead(r: number, finish: Finish): string[] {
    const perRow = this.#tile.columns / 4;
    return Array.from({ length: this.#finishSteps }, (_, step) => {
      const element = `(local_index + ${step * this.#invocations}u)`;
      const [row, column] = [
        `first_row + ${element} / ${perRow}u + ${r * this.#apart[0]}u`,
        `first_column + ${element} % ${perRow}u * 4u`,
      ];
      return this.#parts.readAhead(finish, `${r}_${step}`, row, column, this.#tile.columns);
    }).flat();
  }

  #finishRows(r: number, finish: Finish): string[] {
    const { parts, columns } = this.#tile;
    const { statistics } = this.#parts;
    const [ys] = this.#apart;
    const staged = (part: number): string => {
      const lane = (index: number): string => `staged[element * 4u + ${part * ys * columns + index}u]`;
      return `vec4<f32>(${[0, 1, 2, 3].map(lane).join(", ")})`;
    };
    const inside = [
      ...(this.#stagedVectors % this.#invocations === 0 ? [] : [`element < ${this.#stagedVectors}u`]),
      `row < ${this.#parts.rows.count}`,
      `column < ${extentText(this.#parts.columns)}`,
    ];
    return this.#parts.finishEach(finish, this.#finishSteps, String(r), (ahead) => [
      `let element = local_index + step * ${this.#invocations}u;`,
      `let tile_row = element / ${columns / 4}u + ${r * ys}u;`,
      "let row = first_row + tile_row;",
      `let column = first_column + element % ${columns / 4}u * 4u;`,
      `let is_inside = ${inside.join(" && ")};`,
      ...(statistics ? ["var result = vec4<f32>();"] : []),
      "if (is_inside) {",
      `  let product = ${Array.from({ length: parts }, (_, part) => staged(part)).join(" + ")};`,
      `  ${statistics ? "result = " : ""}finish(batch, row, tile_row, column, product${ahead});`,
      "}",
      ...(statistics ? this.#statistics(statistics) : []),
    ]);
  }

  /**
   * The mean and the squared deviations of each row's tiles, by the invocations that hold the tile's columns. Relative to
   * the tile's first column, for the reason that `passes/center-rows.ts` gives.
   */
  #statistics({ width, means, squares }: TileStatistics): string[] {
    const { bindings, rows } = this.#parts;
    const lanes = width / 4;
    const share = (text: string): string[] => [
      "workgroupBarrier();",
      `shared_values[local_index] = ${text};`,
      "workgroupBarrier();",
    ];
    const sum = (name: string): string[] => [
      `var ${name} = 0.0f;`,
      `for (var lane = 0u; lane < ${lanes}u; lane++) { ${name} += shared_values[first_lane + lane]; }`,
    ];
    const index = linear(rows.coordinates, means.shape.slice(0, -2)).text;
    const place = `${index} * ${extentText(means.shape.at(-2) as Extent)} + column / ${width}u`;
    return [
      `let first_lane = local_index / ${lanes}u * ${lanes}u;`,
      ...share("result.x"),
      "let origin = shared_values[first_lane];",
      "let shifted = result - vec4<f32>(origin);",
      ...share(acrossLanes("sum", "shifted")),
      ...sum("total"),
      `let shift = total / ${width}.0f;`,
      "let apart = shifted - vec4<f32>(shift);",
      "let squared = apart * apart;",
      ...share(acrossLanes("sum", "squared")),
      ...sum("spread"),
      "if (local_index == first_lane && is_inside) {",
      `  ${bindings.write(means).name}[${place}] = origin + shift;`,
      `  ${bindings.write(squares).name}[${place}] = spread;`,
      "}",
    ];
  }
}
