/**
 * The kernel of matmuls in tensor cores (WGSL's subgroup matrices, `chromium-experimental-subgroup-matrix`): float16
 * operands, float32 sums, fragments of 16 × 16.
 *
 * A workgroup brings a strip of both operands into its memory, eight float16 at a time, while the strip before is
 * multiplied; a subgroup holds several fragments of the result. The result goes through the same memory, so that each
 * invocation then has whole vectors of rows for what the schedule put after the matmul. Lines in that memory are longer
 * than their contents by 16 bytes, so that the rows of a fragment begin in different banks.
 *
 * Must stay true: control flow around fragments is the same for all invocations of a workgroup.
 */

import type { Extent, Value } from "../../../../program/program.ts";
import type { TileStatistics } from "../../../../rewrites/split-statistics.ts";
import type { KernelBindings, TensorSource } from "../../wgsl/bindings.ts";
import { linear } from "../../wgsl/coordinates.ts";
import { acrossLanes } from "../../wgsl/expressions.ts";
import { assemble, type KernelSource } from "../../wgsl/kernel-source.ts";
import { extentText } from "../../wgsl/storage.ts";
import {
  fragment,
  loadFragment,
  multiplyAccumulate,
  packEight,
  storeFragment,
  subgroupSize,
  tensorExtensions,
} from "../fragments.ts";
import { inSet, pipelined } from "./mainloop.ts";
import { type Finish, type MatmulKernel, MatmulParts } from "./matmul-common.ts";
import type { Strips } from "./operand-tiles.ts";
import {
  stagedLineOf,
  type TensorTile,
  tensorInvocationsOf,
  tensorStepOf,
  tensorStripsOf,
  tensorUnitsOf,
} from "./tensor-tiles.ts";

/** Whether tensor cores can do a matmul: by weights in float16, [outputs, inputs], without leading axes. */
export function suitsTensorCores({ operation }: Value, placement: TensorSource): boolean {
  if (operation.kind !== "matmul" || operation.right.shape.length !== 2) return false;
  const { operation: right, shape } = operation.right;
  const isInHalves = right.kind === "transpose" && placement.typeOf(right.operand) === "f16";
  return isInHalves && shape.every((size) => typeof size === "number");
}

export function tensorMatmulKernel(
  kernel: MatmulKernel,
  interior: readonly Value[],
  bindings: KernelBindings,
  tile: TensorTile,
): KernelSource {
  return new TensorMatmulGenerator(new MatmulParts(kernel, interior, bindings), tile).generate();
}

class TensorMatmulGenerator {
  readonly #parts: MatmulParts;
  readonly #tile: TensorTile;
  /** Of the inner dimension, that all subgroups take at a time. */
  readonly #step: number;
  /** The operands' strips, in units of eight float16. */
  readonly #strips: Strips;
  /** Fragments of the result that a subgroup holds: rows, columns. */
  readonly #fragments: readonly [number, number];
  readonly #invocations: number;

  constructor(parts: MatmulParts, tile: TensorTile) {
    const [m, n] = tile.subgroups;
    parts.checkShares(tile);
    this.#parts = parts;
    this.#tile = tile;
    this.#step = tensorStepOf(tile);
    this.#fragments = [tile.rows / m / fragment, tile.columns / n / fragment];
    this.#invocations = tensorInvocationsOf(tile);
    this.#strips = tensorStripsOf(tile);
  }

  generate(): KernelSource {
    const { rows, columns } = this.#tile;
    const parts = this.#parts;
    const { bindings } = parts;
    const units = tensorUnitsOf(this.#tile);
    const loads = [...parts.loadRightUnit(this.#step), ...parts.loadLeftUnit(this.#step)].join("\n");
    const finish = parts.finish();
    const declarations = [
      "// Strips of both operands, then the result.",
      `var<workgroup> tile: array<vec4<u32>, ${units}>;`,
      ...parts.scalarMemory(rows),
      ...(loads.includes("pack_eight") ? [packEight] : []),
      loads,
      finish.source,
    ];
    const body = [
      `let first_row = group.y * ${rows}u;`,
      `let first_column = group.x * ${columns}u;`,
      `let batch = ${parts.shares > 1 ? "group.z" : "0u"};`,
      ...this.#place(),
      ...this.#multiply(parts.computeScalars(rows, this.#invocations)),
      ...this.#epilogue(finish),
    ];
    return {
      ...assemble(bindings, {
        extensions: tensorExtensions,
        declarations,
        workgroupSize: [this.#invocations],
        body,
      }),
      ...parts.workgroups(rows, columns),
      workgroupMemory: units * 16 + parts.scalarBytes(rows),
      workgroupSize: this.#invocations,
    };
  }

  /** Which part of the tile is the subgroup's. */
  #place(): string[] {
    const [m, n, k] = this.#tile.subgroups;
    return [
      `let subgroup = local_index / ${subgroupSize}u;`,
      ...(k > 1 ? [`let depth_part = subgroup / ${m * n}u * ${this.#tile.depth / 8}u;`] : []),
      `let row_part = subgroup ${k > 1 ? `% ${m * n}u ` : ""}/ ${n}u * ${this.#tile.rows / m}u;`,
      `let column_part = subgroup % ${n}u * ${this.#tile.columns / n}u;`,
    ];
  }

  /** @param before what is to be done before the left operand can be read; the right one is on its way meanwhile. */
  #multiply(before: readonly string[]): string[] {
    const { ahead } = this.#tile;
    return [
      ...this.#each((i, j) => `var sum${i}_${j} = subgroup_matrix_result<f32, 16, 16>();`),
      ...this.#strips.declare("left", "vec4<u32>", ahead),
      ...this.#strips.declare("right", "vec4<u32>", ahead),
      ...pipelined({
        steps: Math.ceil(Number(this.#parts.depth) / this.#step / this.#parts.shares),
        step: this.#step,
        from: this.#parts.shareStart,
        ahead,
        fetchFirst: [...this.#fetchRight(0), ...before, ...this.#fetchLeft(0)],
        fetch: (set) => [...this.#fetchLeft(set), ...this.#fetchRight(set)],
        keep: (set) => [...this.#strips.keep("left", "tile", set), ...this.#strips.keep("right", "tile", set)],
        multiply: () =>
          Array.from({ length: this.#tile.depth / fragment }, (_, index) => this.#multiplyFragments(index)).flat(),
      }),
    ];
  }

  #each(text: (i: number, j: number) => string): string[] {
    const [rows, columns] = this.#fragments;
    return Array.from({ length: rows * columns }, (_, index) => text(Math.floor(index / columns), index % columns));
  }

  #fetchLeft(set: number): string[] {
    return this.#strips.units("left").map(({ name, line, unit }) => {
      const row = `min(first_row + ${line}, ${this.#parts.rows.count} - 1u)`;
      return `${inSet(name, set)} = load_left_unit(batch, ${row}, ${line}, k0 + ${unit} * 8u);`;
    });
  }

  #fetchRight(set: number): string[] {
    return this.#strips.units("right").map(({ name, line, unit }) => {
      return `${inSet(name, set)} = load_right_unit(batch, first_column + ${line}, k0 + ${unit} * 8u);`;
    });
  }

  /** The products of one fragment's depth. */
  #multiplyFragments(index: number): string[] {
    const [rows, columns] = this.#fragments;
    const start = `${this.#tile.subgroups[2] > 1 ? "depth_part + " : ""}${(index * fragment) / 8}u`;
    const { line } = this.#strips;
    const right = this.#strips.start("right");
    return [
      "{",
      ...Array.from({ length: rows }, (_, i) => {
        const place = `(row_part + ${i * fragment}u) * ${line}u + ${start}`;
        return `  let a${i} = ${loadFragment("left", "row_major", place, line)};`;
      }),
      ...Array.from({ length: columns }, (_, j) => {
        const place = `${right}u + (column_part + ${j * fragment}u) * ${line}u + ${start}`;
        return [
          `  let b${j} = ${loadFragment("right", "col_major", place, line)};`,
          ...Array.from({ length: rows }, (__, i) => `  ${multiplyAccumulate(`a${i}`, `b${j}`, `sum${i}_${j}`)}`),
        ];
      }).flat(),
      "}",
    ];
  }

  get #stagedLine(): number {
    return stagedLineOf(this.#tile);
  }

  /** The result, a row of fragments of every subgroup at a time. */
  #epilogue(finish: Finish): string[] {
    const [rows, columns] = this.#fragments;
    const strip = fragment * this.#stagedLine;
    const fragmentRows = Array.from({ length: rows }, (_, i) => i);
    return [
      ...fragmentRows.flatMap((i) => this.#readAhead(i, finish)),
      ...fragmentRows.flatMap((i) => [
        "workgroupBarrier();",
        ...Array.from({ length: columns }, (_, j) =>
          storeFragment(`subgroup * ${strip}u + ${j * 4}u`, `sum${i}_${j}`, this.#stagedLine),
        ),
        "workgroupBarrier();",
        ...this.#finishRows(i, strip, finish),
      ]),
    ];
  }

  /** How many vectors of a row of fragments an invocation finishes. */
  get #finishSteps(): number {
    const steps = (this.#tile.subgroups[0] * fragment * this.#tile.columns) / 4 / this.#invocations;
    if (!Number.isInteger(steps)) throw new RangeError("the invocations of a tile cannot share its result evenly");
    return steps;
  }

  /** Which row of the tile and which vector of it an element of a row of fragments is, as WGSL. */
  #placeOf(
    i: number,
    element: string,
  ): { readonly stripRow: string; readonly vector: string; readonly tileRow: string } {
    const perRow = this.#tile.columns / 4;
    const stripRow = `${element} / ${perRow}u`;
    const part = this.#tile.rows / this.#tile.subgroups[0];
    return {
      stripRow,
      vector: `${element} % ${perRow}u`,
      tileRow: `${stripRow} / ${fragment}u * ${part}u + ${i * fragment}u + ${stripRow} % ${fragment}u`,
    };
  }

  #readAhead(i: number, finish: Finish): string[] {
    return Array.from({ length: this.#finishSteps }, (_, step) => {
      const { tileRow, vector } = this.#placeOf(i, `(local_index + ${step * this.#invocations}u)`);
      const [row, column] = [`first_row + ${tileRow}`, `first_column + ${vector} * 4u`];
      return this.#parts.readAhead(finish, `${i}_${step}`, row, column, this.#tile.columns);
    }).flat();
  }

  #finishRows(i: number, strip: number, finish: Finish): string[] {
    const { statistics } = this.#parts;
    const [m, n, k] = this.#tile.subgroups;
    const perStrip = this.#tile.columns / n / 4;
    const { stripRow, vector, tileRow } = this.#placeOf(i, "element");
    const staged = (part: number): string =>
      `bitcast<vec4<f32>>(tile[(strip + ${part * m * n}u) * ${strip}u + in_strip])`;
    return this.#parts.finishEach(finish, this.#finishSteps, String(i), (ahead) => [
      `let element = local_index + step * ${this.#invocations}u;`,
      `let strip_row = ${stripRow};`,
      `let vector = ${vector};`,
      `let strip = strip_row / ${fragment}u * ${n}u + vector / ${perStrip}u;`,
      `let in_strip = strip_row % ${fragment}u * ${this.#stagedLine}u + vector % ${perStrip}u;`,
      `let tile_row = ${tileRow};`,
      "let row = first_row + tile_row;",
      "let column = first_column + vector * 4u;",
      `let product = ${Array.from({ length: k }, (_, part) => staged(part)).join(" + ")};`,
      ...(statistics ? ["var result = vec4<f32>();"] : []),
      `if (row < ${this.#parts.rows.count} && column < ${extentText(this.#parts.columns)}) {`,
      `  ${statistics ? "result = " : ""}finish(batch, row, tile_row, column, product${ahead});`,
      "}",
      ...(statistics ? this.#statistics(statistics) : []),
    ]);
  }

  /**
   * The mean and the squared deviations of each row's tiles, by the lanes that hold the tile's columns. Relative to the
   * tile's first column, for the reason that `passes/center-rows.ts` gives.
   */
  #statistics({ width, means, squares }: TileStatistics): string[] {
    const { bindings, rows, columns } = this.#parts;
    const lanes = width / 4;
    const shuffles = Array.from({ length: Math.log2(lanes) }, (_, power) => 2 ** power);
    const sum = (name: string): string[] =>
      shuffles.map((distance) => `${name} += subgroupShuffleXor(${name}, ${distance}u);`);
    const index = linear(rows.coordinates, means.shape.slice(0, -2)).text;
    const place = `${index} * ${extentText(means.shape.at(-2) as Extent)} + column / ${width}u`;
    return [
      `let origin = subgroupShuffle(result.x, local_index % ${subgroupSize}u / ${lanes}u * ${lanes}u);`,
      "let shifted = result - vec4<f32>(origin);",
      `var total = ${acrossLanes("sum", "shifted")};`,
      ...sum("total"),
      `let shift = total / ${width}.0f;`,
      "let apart = shifted - vec4<f32>(shift);",
      "let squared = apart * apart;",
      `var spread = ${acrossLanes("sum", "squared")};`,
      ...sum("spread"),
      `if (local_index % ${lanes}u == 0u && row < ${rows.count} && column < ${extentText(columns)}) {`,
      `  ${bindings.write(means).name}[${place}] = origin + shift;`,
      `  ${bindings.write(squares).name}[${place}] = spread;`,
      "}",
    ];
  }
}
