/**
 * The epilogue of a matmul's kernel: what is computed from the products before they are stored, row statistics, and the
 * statistics of the result's tiles that a folded LayerNorm reads.
 */
import { type Extent, operandsOf, type Value } from "../../../../program/program.ts";
import { at, linear, zero } from "../../wgsl/coordinates.ts";
import { indent } from "../../wgsl/declarations.ts";
import { acrossLanes, Block, type Given, vectorIndex } from "../../wgsl/expressions.ts";
import { store } from "../../wgsl/kernel-source.ts";
import { extentText, isOfVectors, storageForms, tensorLengthText, vectorOf } from "../../wgsl/storage.ts";
import { isMultiple, type MatmulOperands, type MatmulRequest } from "./operands.ts";

/** How the invocations of a row's tile of statistics combine their numbers, as WGSL. */
export interface StatisticsReduction {
  /** Statements before anything else. */
  readonly start: readonly string[];
  /** Statements that declare `origin`, the row's first element in the tile. */
  readonly origin: readonly string[];
  /** Statements that declare `name`, the sum of the invocations' values. */
  readonly sum: (name: string, value: string) => readonly string[];
  /** The condition that holds in the first of the invocations, within the result. */
  readonly isFirst: string;
}

export class MatmulEpilogue {
  /** Names of the prefetched residuals, which are arguments after the products. */
  readonly #residuals: readonly string[];
  readonly #name: string;
  readonly #request: MatmulRequest;
  readonly #operands: MatmulOperands;

  /** Declares the function `epilogue`, and the functions that read residuals. */
  constructor(request: MatmulRequest, operands: MatmulOperands) {
    this.#request = request;
    this.#operands = operands;
    this.#name = request.declarations.nameOf("epilogue");
    this.#residuals = this.#declare();
  }

  get hasStatistics(): boolean {
    return this.#request.template.statistics !== undefined;
  }

  /**
   * `epilogue` computes and stores four columns of a row of the result, and returns the row that statistics are taken of.
   *
   * A residual, a tensor that is read where the result is written, is a parameter, in its storage type: kernels prefetch it
   * for all their rows, so that its latency is paid once. Compilers cannot hoist such reads over the stores in between.
   */
  #declare(): string[] {
    const { template, kernel, bindings, declarations } = this.#request;
    const { matmul, statistics } = template;
    const [row, column] = [this.#operands.rows.coordinates, at("column", 4)];
    const inPlace = this.#readInPlace();
    const given = new Map<Value, Given>(this.#operands.statistics).set(matmul, { vector: "product" });
    inPlace.forEach((value, index) => {
      given.set(value, { vector: vectorOf(`residual${index}`, bindings.typeOf(value) ?? "f32") });
    });
    const block = new Block(bindings, given);
    const stored = kernel.stores.filter((value) => value !== statistics?.means && value !== statistics?.squares);
    const statements = stored.flatMap((value) => store(bindings, block, value, row, column));
    const result = statistics && block.vector(statistics.row, [...row, column]);
    const residuals: string[] = [];
    const parameters = ["batch: u32", "row: u32", "tile_row: u32", "column: u32", "product: vec4<f32>"];
    inPlace.forEach((value, index) => {
      if (!block.used.has(value)) return;
      const residual = `residual${index}`;
      const { name, type } = bindings.read(value);
      const { element } = storageForms[type];
      const place = vectorIndex(linear(row, value.shape.slice(0, -1)), value, column);
      residuals.push(residual);
      parameters.push(`${residual}: ${element}`);
      declarations.function(`read_${residual}`, `(batch: u32, row: u32, column: u32) -> ${element}`, [
        ...(this.#request.splitK > 1 ? [`if (batch > 0u) { return ${element}(); }`] : []),
        `return ${name}[${place}];`,
      ]);
    });
    const body = [...this.#storePartialSums(), ...block.lines, ...statements, ...(result ? [`return ${result};`] : [])];
    declarations.function("epilogue", `(${parameters.join(", ")})${result ? " -> vec4<f32>" : ""}`, body);
    return residuals;
  }

  /** Only the first slice of K adds biases and residuals; the others store their products. */
  #storePartialSums(): string[] {
    const { kernel, bindings, splitK } = this.#request;
    const [value] = kernel.stores;
    if (splitK === 1 || value === undefined) return [];
    const row = linear(this.#operands.rows.coordinates, value.shape.slice(0, -1));
    const place = vectorIndex(row, value, at("column", 4));
    return [
      "if (batch > 0u) {",
      `  ${bindings.write(value).name}[${place} + batch * ${tensorLengthText(value.shape)}] = product;`,
      "  return;",
      "}",
    ];
  }

  /** Tensors of the result's shape that are read only elementwise. */
  #readInPlace(): readonly Value[] {
    const { template, interior, bindings } = this.#request;
    const shape = template.matmul.shape.join();
    if (typeof this.#operands.columns !== "number") return [];
    const read = new Set(interior.flatMap(({ operation }) => operandsOf(operation)));
    return [...read].filter((value) => {
      const type = bindings.typeOf(value);
      if (value.shape.join() !== shape || type === undefined || !isOfVectors(type)) return false;
      const readers = interior.filter(({ operation }) => operandsOf(operation).includes(value));
      return readers.every((reader) => reader.operation.kind === "elementwise" && reader.shape.join() === shape);
    });
  }

  /** Reads residuals at a row and a column, clamped to the last, into variables named by `slot`. @param tileN tile columns. */
  prefetchResidual(slot: string, row: string, column: string, tileN: number): string[] {
    const { columns, rows } = this.#operands;
    const last = Math.ceil(Number(columns) / 4) * 4 - 4;
    const inside = isMultiple(columns, tileN) ? column : `min(${column}, ${last}u)`;
    const place = `batch, min(${row}, ${rows.count} - 1u), ${inside}`;
    const { declarations } = this.#request;
    return this.#residuals.map((name) => `let ${name}_${slot} = ${declarations.nameOf(`read_${name}`)}(${place});`);
  }

  /** Calls `epilogue` for a vector of products. @param slot the slot of prefetched residuals. */
  call(product: string, slot: string): string {
    const residuals = this.#residuals.map((name) => `, ${name}_${slot}`).join("");
    return `${this.#name}(batch, row, tile_row, column, ${product}${residuals})`;
  }

  /** Loops over vectors; unrolled where residuals were prefetched. @param one the statements for vector `step`, by its slot. */
  forEach(steps: number, slot: string, one: (slot: string) => readonly string[]): string[] {
    if (this.#residuals.length === 0) {
      return [`for (var step = 0u; step < ${steps}u; step++) {`, ...indent(one(slot)), "}"];
    }
    const unrolled = (step: number) => ["{", `  let step = ${step}u;`, ...indent(one(`${slot}_${step}`)), "}"];
    return Array.from({ length: steps }, (_, step) => unrolled(step)).flat();
  }

  /** Computes the row statistics, one row per invocation. */
  computeRowStatistics(tileM: number, threads: number): string[] {
    const { bindings, statisticNames } = this.#request;
    const { statistics, rows } = this.#operands;
    if (statistics.size === 0) return [];
    const block = new Block(bindings);
    const scalars = [...statistics.keys()].map((value) => block.scalar(value, [...rows.coordinates, zero]));
    return [
      `for (var tile_row = local_index; tile_row < ${tileM}u; tile_row += ${threads}u) {`,
      `  let row = min(first_row + tile_row, ${rows.count} - 1u);`,
      ...indent(block.lines),
      ...scalars.map((scalar, index) => `  ${statisticNames[index]}[tile_row] = ${scalar};`),
      "}",
      "workgroupBarrier();",
    ];
  }

  /**
   * Stores the mean and the sum of squared deviations of each row's tile of statistics, if there are any, computed relative
   * to the tile's first column (see `rewrites/center-rows.ts`).
   * @param reductionOver the reduction over the lanes of a row's tile, each of which has four columns.
   */
  tileStatistics(reductionOver: (lanes: number) => StatisticsReduction): string[] {
    const { template, bindings } = this.#request;
    if (template.statistics === undefined) return [];
    const { width, means, squares } = template.statistics;
    const { start, origin, sum, isFirst } = reductionOver(width / 4);
    const index = linear(this.#operands.rows.coordinates, means.shape.slice(0, -2)).text;
    const place = `${index} * ${extentText(means.shape.at(-2) as Extent)} + column / ${width}u`;
    return [
      ...start,
      ...origin,
      "let shifted = result - vec4<f32>(origin);",
      ...sum("total", acrossLanes("sum", "shifted")),
      `let shift = total / ${width}.0f;`,
      "let deviation = shifted - vec4<f32>(shift);",
      "let squared = deviation * deviation;",
      ...sum("spread", acrossLanes("sum", "squared")),
      `if (${isFirst}) {`,
      `  ${bindings.write(means).name}[${place}] = origin + shift;`,
      `  ${bindings.write(squares).name}[${place}] = spread;`,
      "}",
    ];
  }
}
