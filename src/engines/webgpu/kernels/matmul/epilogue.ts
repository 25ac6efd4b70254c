/**
 * The epilogue of a matmul's kernel: what is computed of the products before they are stored, the numbers that belong to
 * whole rows, and the statistics of the result's tiles that a folded LayerNorm reads.
 */
import { type Extent, operandsOf, type Value } from "../../../../program/program.ts";
import { at, linear, zero } from "../../wgsl/coordinates.ts";
import { acrossLanes, Block, type Given, vectorIndex } from "../../wgsl/expressions.ts";
import { indent, store } from "../../wgsl/kernel-source.ts";
import { extentText, isOfVectors, storageForms, tensorLengthText, vectorOf } from "../../wgsl/storage.ts";
import { isMultiple, type MatmulOperands, type MatmulRequest } from "./operands.ts";

/** How the invocations that hold a row's tile of statistics combine their numbers, as WGSL. */
export interface StatisticsReduction {
  /** Statements before anything else. */
  readonly start: readonly string[];
  /** Statements that declare `origin`, the first of the row's elements in the tile. */
  readonly origin: readonly string[];
  /** Statements that declare `name`, the sum over the tile of what each invocation has. */
  readonly sum: (name: string, value: string) => readonly string[];
  /** The condition that holds in the first of the invocations, inside the result. */
  readonly isFirst: string;
}

export class MatmulEpilogue {
  /** Names of further arguments, after the products: residuals that were read before. */
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
   * `epilogue` stores what is computed of four columns of one row of the products, and returns the row of statistics.
   *
   * A residual, a tensor that is read where the result is written, is a parameter instead, as it lies in memory: kernels
   * prefetch it for all their rows, so that its latency is paid once. Compilers may not move such reads themselves, since
   * something may be written in between.
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
      const read = [
        `fn ${declarations.nameOf(`read_${residual}`)}(batch: u32, row: u32, column: u32) -> ${element} {`,
        ...(this.#request.splitK > 1 ? [`  if (batch > 0u) { return ${element}(); }`] : []),
        `  return ${name}[${place}];`,
        "}",
      ];
      declarations.function(`read_${residual}`, read.join("\n"));
    });
    const source = [
      `fn ${this.#name}(${parameters.join(", ")})${result ? " -> vec4<f32>" : ""} {`,
      ...indent([...this.#storePartialSums(), ...block.lines, ...statements, ...(result ? [`return ${result};`] : [])]),
      "}",
    ];
    declarations.function("epilogue", source.join("\n"));
    return residuals;
  }

  /** Slices of K but the first store the products as they are: what is added is added once. */
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

  /** Tensors with a vector for every vector of the result, that are only read in place. */
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

  /**
   * Statements that read residuals at a row and a column, as WGSL, into variables named by `slot`. Rows and columns beyond
   * the last are read as the last.
   * @param tileN columns of a tile.
   */
  prefetchResidual(slot: string, row: string, column: string, tileN: number): string[] {
    const { columns, rows } = this.#operands;
    const last = Math.ceil(Number(columns) / 4) * 4 - 4;
    const inside = isMultiple(columns, tileN) ? column : `min(${column}, ${last}u)`;
    const place = `batch, min(${row}, ${rows.count} - 1u), ${inside}`;
    const { declarations } = this.#request;
    return this.#residuals.map((name) => `let ${name}_${slot} = ${declarations.nameOf(`read_${name}`)}(${place});`);
  }

  /** The call of `epilogue` for a vector of products. @param slot that residuals were prefetched into. */
  call(product: string, slot: string): string {
    const further = this.#residuals.map((name) => `, ${name}_${slot}`).join("");
    return `${this.#name}(batch, row, tile_row, column, ${product}${further})`;
  }

  /**
   * Statements for several vectors, one after another: a loop, or unrolled where each has a residual of its own.
   * @param one the statements for the vector number `step`, given its slot.
   */
  forEach(steps: number, slot: string, one: (slot: string) => readonly string[]): string[] {
    if (this.#residuals.length === 0) {
      return [`for (var step = 0u; step < ${steps}u; step++) {`, ...indent(one(slot)), "}"];
    }
    return Array.from({ length: steps }, (_, step) => {
      return ["{", `  let step = ${step}u;`, ...indent(one(`${slot}_${step}`)), "}"];
    }).flat();
  }

  /** Statements that compute the row statistics, one invocation a row. */
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
   * Statements that store the mean and the squared deviations of each row's tile of statistics, relative to the tile's first
   * column, for the reason that `rewrites/center-rows.ts` gives; nothing where the kernel computes none.
   * @param reductionOver given the invocations that hold a row's tile, which have its columns by fours.
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
      "let apart = shifted - vec4<f32>(shift);",
      "let squared = apart * apart;",
      ...sum("spread", acrossLanes("sum", "squared")),
      `if (${isFirst}) {`,
      `  ${bindings.write(means).name}[${place}] = origin + shift;`,
      `  ${bindings.write(squares).name}[${place}] = spread;`,
      "}",
    ];
  }
}
