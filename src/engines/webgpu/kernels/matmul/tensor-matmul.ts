/**
 * Matmuls in tensor cores (WGSL's subgroup matrices, `chromium-experimental-subgroup-matrix`): float16 operands, float32
 * sums, fragments of 16 × 16.
 *
 * A workgroup loads a tile of both operands, eight float16 per load, while the previous tile is multiplied; a subgroup holds
 * several fragments of the result. The result goes through the same workgroup memory, so that each invocation gets whole
 * vectors of rows for the epilogue. Rows there are padded by 16 bytes, so that a fragment's begin in different banks.
 *
 * Must stay true: control flow around fragments is the same for all invocations of a workgroup.
 */
import { bytesOf } from "../../wgsl/declarations.ts";
import { assemble, type KernelSource } from "../../wgsl/kernel-source.ts";
import { extentText } from "../../wgsl/storage.ts";
import type { EmitRequest } from "../family.ts";
import {
  fragment,
  loadFragment,
  multiplyAccumulate,
  storeFragment,
  subgroupSize,
  tensorExtensions,
} from "../fragments.ts";
import { MatmulEpilogue, type StatisticsReduction } from "./epilogue.ts";
import type { KContiguousTiles } from "./k-contiguous-tiles.ts";
import { inStage, mainloop } from "./mainloop.ts";
import { MatmulOperands } from "./operands.ts";
import { rowStatistics } from "./row-statistics.ts";
import {
  stagedStrideOf,
  type TensorTile,
  tensorOperandTiles,
  tensorStepOf,
  tensorThreadsOf,
  tensorVariables,
} from "./tensor-tiles.ts";

export function emitTensorMatmul(request: EmitRequest, tile: TensorTile): KernelSource {
  const { kernel, interior, bindings, declarations } = request;
  const { template, stores } = kernel;
  if (template.kind !== "matmul") throw new RangeError(`a kernel of ${template.kind} is no matmul`);
  const variables = tensorVariables(tile, rowStatistics(interior, template.matmul).length);
  const [memory = "", ...statisticNames] = variables.map((variable) => declarations.workgroup(variable));
  for (const value of stores) bindings.write(value);
  const matmul = { ...request, template, statisticNames, splitK: tile.splitK };
  const operands = new MatmulOperands(matmul);
  const step = tensorStepOf(tile);
  const loadRight = operands.declareLoadRightVec8(step);
  const loadLeft = operands.declareLoadLeftVec8(step);
  const epilogue = new MatmulEpilogue(matmul, operands);
  const body = new TensorMatmul({ operands, epilogue, tile, memory, loadLeft, loadRight }).body();
  const sizes = { workgroupSize: tensorThreadsOf(tile), workgroupMemory: bytesOf(variables) };
  return {
    ...assemble(bindings, { extensions: tensorExtensions, declarations, body, ...sizes }),
    ...operands.grid(tile),
  };
}

interface Parts {
  readonly operands: MatmulOperands;
  readonly epilogue: MatmulEpilogue;
  readonly tile: TensorTile;
  /** Names of the array in workgroup memory, and of the functions that load vectors of eight. */
  readonly memory: string;
  readonly loadLeft: string;
  readonly loadRight: string;
}

class TensorMatmul {
  readonly #parts: Parts;
  readonly #tile: TensorTile;
  /** The operands' tiles, in vectors of eight float16. */
  readonly #layout: KContiguousTiles;
  /** Fragments of the result that a subgroup holds: rows, columns. */
  readonly #fragments: readonly [number, number];
  readonly #threads: number;

  constructor(parts: Parts) {
    const { tile } = parts;
    const [m, n] = tile.subgroupGrid;
    this.#parts = parts;
    this.#tile = tile;
    this.#fragments = [tile.tileM / m / fragment, tile.tileN / n / fragment];
    this.#threads = tensorThreadsOf(tile);
    this.#layout = tensorOperandTiles(tile);
  }

  body(): string[] {
    const { tileM, tileN, splitK } = this.#tile;
    const { epilogue, operands } = this.#parts;
    return [
      `let first_row = group.y * ${tileM}u;`,
      `let first_column = group.x * ${tileN}u;`,
      `let batch = ${splitK > 1 || operands.isBatched ? "group.z" : "0u"};`,
      ...this.#place(),
      ...this.#multiply(epilogue.computeRowStatistics(tileM, this.#threads)),
      ...this.#store(),
    ];
  }

  /** Declares the subgroup's part of the tile. */
  #place(): string[] {
    const { subgroupGrid, tileM, tileN, tileK } = this.#tile;
    const [m, n, k] = subgroupGrid;
    return [
      `let subgroup = local_index / ${subgroupSize}u;`,
      ...(k > 1 ? [`let k_part = subgroup / ${m * n}u * ${tileK / 8}u;`] : []),
      `let row_part = subgroup ${k > 1 ? `% ${m * n}u ` : ""}/ ${n}u * ${tileM / m}u;`,
      `let column_part = subgroup % ${n}u * ${tileN / n}u;`,
    ];
  }

  /** @param before statements before the first load of the left operand, while the right one's is in flight. */
  #multiply(before: readonly string[]): string[] {
    const { operands, memory } = this.#parts;
    const { prefetchStages, tileK, splitK } = this.#tile;
    const step = tensorStepOf(this.#tile);
    return [
      ...this.#forEachSum((i, j) => `var sum${i}_${j} = subgroup_matrix_result<f32, 16, 16>();`),
      ...this.#layout.declare("left", "vec4<u32>", prefetchStages),
      ...this.#layout.declare("right", "vec4<u32>", prefetchStages),
      ...mainloop({
        steps: Math.ceil(Number(operands.k) / step / splitK),
        step,
        from: operands.kStart,
        prefetchStages,
        loadFirst: [...this.#loadRight(0), ...before, ...this.#loadLeft(0)],
        loadFromGlobal: (stage) => [...this.#loadLeft(stage), ...this.#loadRight(stage)],
        storeToShared: (stage) => [
          ...this.#layout.storeToShared("left", memory, stage),
          ...this.#layout.storeToShared("right", memory, stage),
        ],
        multiply: () => Array.from({ length: tileK / fragment }, (_, index) => this.#multiplyFragments(index)).flat(),
      }),
    ];
  }

  #forEachSum(text: (i: number, j: number) => string): string[] {
    const [rows, columns] = this.#fragments;
    return Array.from({ length: rows * columns }, (_, index) => text(Math.floor(index / columns), index % columns));
  }

  #loadLeft(stage: number): string[] {
    const { operands, loadLeft } = this.#parts;
    return this.#layout.slots("left").map(({ name, row, vector }) => {
      const inside = `min(first_row + ${row}, ${operands.rows.count} - 1u)`;
      return `${inStage(name, stage)} = ${loadLeft}(batch, ${inside}, ${row}, k0 + ${vector} * 8u);`;
    });
  }

  #loadRight(stage: number): string[] {
    return this.#layout.slots("right").map(({ name, row, vector }) => {
      return `${inStage(name, stage)} = ${this.#parts.loadRight}(batch, first_column + ${row}, k0 + ${vector} * 8u);`;
    });
  }

  /** Multiplies the fragments at one index along K. */
  #multiplyFragments(index: number): string[] {
    const { memory } = this.#parts;
    const [rows, columns] = this.#fragments;
    const start = `${this.#tile.subgroupGrid[2] > 1 ? "k_part + " : ""}${(index * fragment) / 8}u`;
    const { stride } = this.#layout;
    const right = this.#layout.start("right");
    return [
      "{",
      ...Array.from({ length: rows }, (_, i) => {
        const place = `(row_part + ${i * fragment}u) * ${stride}u + ${start}`;
        return `  let a${i} = ${loadFragment(memory, "left", "row_major", place, stride)};`;
      }),
      ...Array.from({ length: columns }, (_, j) => {
        const place = `${right}u + (column_part + ${j * fragment}u) * ${stride}u + ${start}`;
        return [
          `  let b${j} = ${loadFragment(memory, "right", "col_major", place, stride)};`,
          ...Array.from({ length: rows }, (__, i) => `  ${multiplyAccumulate(`a${i}`, `b${j}`, `sum${i}_${j}`)}`),
        ];
      }).flat(),
      "}",
    ];
  }

  /** Stores the result, a row of fragments of every subgroup at a time. */
  #store(): string[] {
    const [rows, columns] = this.#fragments;
    const stride = stagedStrideOf(this.#tile);
    const fragmentRows = Array.from({ length: rows }, (_, i) => i);
    return [
      ...fragmentRows.flatMap((i) => this.#prefetchResidual(i)),
      ...fragmentRows.flatMap((i) => [
        "workgroupBarrier();",
        ...Array.from({ length: columns }, (_, j) =>
          storeFragment(this.#parts.memory, `subgroup * ${fragment * stride}u + ${j * 4}u`, `sum${i}_${j}`, stride),
        ),
        "workgroupBarrier();",
        ...this.#storeRows(i, stride),
      ]),
    ];
  }

  /** Vectors of a row of fragments per invocation. */
  get #storeSteps(): number {
    const steps = (this.#tile.subgroupGrid[0] * fragment * this.#tile.tileN) / 4 / this.#threads;
    if (!Number.isInteger(steps))
      throw new RangeError("the result does not divide evenly among the tile's invocations");
    return steps;
  }

  /** The tile row and vector of an element of a row of fragments, as WGSL. */
  #placeOf(i: number, element: string) {
    const { tileM, tileN, subgroupGrid } = this.#tile;
    const perRow = tileN / 4;
    const stagedRow = `${element} / ${perRow}u`;
    return {
      stagedRow,
      vector: `${element} % ${perRow}u`,
      tileRow: `${stagedRow} / ${fragment}u * ${tileM / subgroupGrid[0]}u + ${i * fragment}u + ${stagedRow} % ${fragment}u`,
    };
  }

  #prefetchResidual(i: number): string[] {
    return Array.from({ length: this.#storeSteps }, (_, step) => {
      const { tileRow, vector } = this.#placeOf(i, `(local_index + ${step * this.#threads}u)`);
      const [row, column] = [`first_row + ${tileRow}`, `first_column + ${vector} * 4u`];
      return this.#parts.epilogue.prefetchResidual(`${i}_${step}`, row, column, this.#tile.tileN);
    }).flat();
  }

  #storeRows(i: number, stride: number): string[] {
    const { epilogue, operands, memory } = this.#parts;
    const { hasStatistics } = epilogue;
    const [m, n, k] = this.#tile.subgroupGrid;
    const perSubgroup = this.#tile.tileN / n / 4;
    const { stagedRow, vector, tileRow } = this.#placeOf(i, "element");
    const partialSum = (part: number): string =>
      `bitcast<vec4<f32>>(${memory}[(staged_subgroup + ${part * m * n}u) * ${fragment * stride}u + staged_vector])`;
    const isInside = `row < ${operands.rows.count} && column < ${extentText(operands.columns)}`;
    return epilogue.forEach(this.#storeSteps, String(i), (slot) => [
      `let element = local_index + step * ${this.#threads}u;`,
      `let staged_row = ${stagedRow};`,
      `let vector = ${vector};`,
      `let staged_subgroup = staged_row / ${fragment}u * ${n}u + vector / ${perSubgroup}u;`,
      `let staged_vector = staged_row % ${fragment}u * ${stride}u + vector % ${perSubgroup}u;`,
      `let tile_row = ${tileRow};`,
      "let row = first_row + tile_row;",
      "let column = first_column + vector * 4u;",
      `let product = ${Array.from({ length: k }, (_, part) => partialSum(part)).join(" + ")};`,
      ...(hasStatistics ? ["var result = vec4<f32>();"] : []),
      `if (${isInside}) {`,
      `  ${hasStatistics ? "result = " : ""}${epilogue.call("product", slot)};`,
      "}",
      ...epilogue.tileStatistics((lanes) => bySubgroup(lanes, isInside)),
    ]);
  }
}

/** Statistics are combined by the lanes of a subgroup. */
function bySubgroup(lanes: number, isInside: string): StatisticsReduction {
  const shuffles = Array.from({ length: Math.log2(lanes) }, (_, power) => 2 ** power);
  return {
    start: [],
    origin: [`let origin = subgroupShuffle(result.x, local_index % ${subgroupSize}u / ${lanes}u * ${lanes}u);`],
    sum: (name, value) => [
      `var ${name} = ${value};`,
      ...shuffles.map((distance) => `${name} += subgroupShuffleXor(${name}, ${distance}u);`),
    ],
    isFirst: `local_index % ${lanes}u == 0u && ${isInside}`,
  };
}
