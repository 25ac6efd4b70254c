/**
 * Attention without tensor cores: a workgroup loops over the keys, tile by tile, for a tile of queries of one head, with an
 * online softmax (Milakov and Gimelshein, 2018; Dao et al., 2022), so that no score leaves the chip.
 *
 * For a row of scores s the kernel keeps the running maximum m, the sum l of e^(s − m) and the weighted sum o of values; a
 * tile with a larger maximum scales l and o by e^(m_old − m_new). The result is o / max(l, 1): the largest term of a row is
 * e⁰, so l is at least 1 unless every key is masked, and then o is zero.
 *
 * The next tile's keys and values are loaded while this one's are multiplied; both use the same workgroup memory in turn.
 * Where a query attends to its sequence only (`rewrites/pack-sequences.ts`), the keys of other sequences are not visited,
 * and where all queries of a tile attend to all its keys nothing is masked. Scores and probabilities are written if they are
 * stored; then all keys are visited, twice for the probabilities.
 *
 * Must stay true: barriers are reached by all invocations of a workgroup.
 */
import type { Extent, Value } from "../../../../program/program.ts";
import { at, linear } from "../../wgsl/coordinates.ts";
import { bytesOf, indent } from "../../wgsl/declarations.ts";
import { acrossLanes, lowest, maskTail, vectorIndex } from "../../wgsl/expressions.ts";
import { assemble, type KernelSource } from "../../wgsl/kernel-source.ts";
import { extentText, storeVector } from "../../wgsl/storage.ts";
import { type LoadSlot, loadSlots } from "../cooperative-load.ts";
import type { EmitRequest, KernelFamily } from "../family.ts";
import { threadSwizzle } from "../thread-swizzle.ts";
import { AttentionOperands } from "./operands.ts";
import { type AttentionProblem, attentionProblem } from "./problem.ts";
import { type AttentionTile, attentionStrides, attentionVariables, registerAttentionTiling } from "./register-tiles.ts";

export const registerAttention: KernelFamily<AttentionProblem, AttentionTile> = {
  name: "attention",
  accepts: ({ template }) => (template.kind === "attention" ? attentionProblem(template.attention) : undefined),
  emit: (request, tile) => new RegisterAttention(request, tile).emit(),
  ...registerAttentionTiling,
};

type Operand = "key" | "value";

const lanes = ["x", "y", "z", "w"] as const;

/** A loop, unrolled by four or two where it divides: attention at 384 tokens is 14 % faster on an NVIDIA H200. */
function partlyUnrolled(index: string, count: number, statements: readonly string[]): string[] {
  const factor = [4, 2].find((size) => count % size === 0) ?? 1;
  const unrolled = Array.from({ length: factor }, (_, place) => [
    "{",
    `  let ${index} = ${index}_first * ${factor}u + ${place}u;`,
    ...indent(statements),
    "}",
  ]);
  const start = `for (var ${index}_first = 0u; ${index}_first < ${count / factor}u; ${index}_first++) {`;
  return [start, ...indent(unrolled.flat()), "}"];
}

class RegisterAttention {
  readonly #operands: AttentionOperands;
  readonly #stores: readonly Value[];
  readonly #tile: AttentionTile;
  readonly #strides: ReturnType<typeof attentionStrides>;
  readonly #threads: number;
  /** Vectors of a query or key, and of a value. */
  readonly #headVectors: number;
  readonly #valueVectors: number;
  /** Whether every score is computed, because scores or probabilities are stored. */
  readonly #visitsAll: boolean;
  /** The names of workgroup variables. */
  readonly #queries: string;
  readonly #keysOrValues: string;
  readonly #weights: string;
  readonly #partials: string;

  constructor(request: EmitRequest, tile: AttentionTile) {
    const operands = new AttentionOperands(request);
    this.#operands = operands;
    this.#stores = request.kernel.stores;
    this.#tile = tile;
    this.#strides = attentionStrides(tile, operands);
    this.#threads = registerAttentionTiling.threadsOf(tile);
    this.#headVectors = Math.ceil(operands.headSize / 4);
    this.#valueVectors = Math.ceil(operands.valueSize / 4);
    this.#visitsAll = this.#stores.some((value) => value !== operands.attention.context);
    [this.#queries, this.#keysOrValues, this.#weights, this.#partials] = attentionVariables(tile, operands).map(
      (variable) => operands.declarations.workgroup(variable),
    ) as [string, string, string, string];
  }

  emit(): KernelSource {
    const { attention, bindings, declarations } = this.#operands;
    this.#operands.declareLoads();
    this.#operands.declareScores();
    const body = [
      ...this.#start(),
      ...this.#visitKeys(),
      ...this.#storeContext(),
      ...(this.#stores.includes(attention.probabilities) ? this.#writeProbabilities() : []),
    ];
    const workgroupMemory = bytesOf(attentionVariables(this.#tile, this.#operands));
    return {
      ...assemble(bindings, { declarations, workgroupSize: this.#threads, workgroupMemory, body }),
      ...this.#operands.grid(this.#tile.queries),
    };
  }

  /** Indices of an invocation's queries. */
  get #ownQueries(): readonly number[] {
    return Array.from({ length: this.#tile.threadQueries }, (_, row) => row);
  }

  /** A query's row in the tile, as WGSL. */
  #query(row: number): string {
    return `y * ${this.#tile.threadQueries}u + ${row}u`;
  }

  /** The start of a query's weights, and of the partial results of its invocations. */
  #weightsOf(row: number): string {
    return `(${this.#query(row)}) * ${this.#strides.weight}u`;
  }

  /** Invocations along the keys. */
  get #keyGroups(): number {
    return this.#tile.keys / 4;
  }

  /** Indices of the vectors of the context that an invocation holds of each query. */
  get #held(): readonly number[] {
    return Array.from({ length: Math.ceil(this.#valueVectors / this.#keyGroups) }, (_, held) => held);
  }

  /** The start of one of four keys of the tile. */
  #keyAt(fours: string, key: number): string {
    const { key: keyStride } = this.#strides;
    return `${fours} * ${4 * keyStride + 1}u${key === 0 ? "" : ` + ${key * keyStride}u`}`;
  }

  #start(): string[] {
    const { queries, threadQueries } = this.#tile;
    const queryCount = extentText(this.#operands.queries);
    return [
      ...threadSwizzle("local_index", this.#keyGroups, queries / threadQueries),
      "let head = group.y;",
      `let first_query = group.x * ${queries}u;`,
      ...this.#ownQueries.map((row) => `let query${row} = min(first_query + ${this.#query(row)}, ${queryCount} - 1u);`),
      `for (var index = local_index; index < ${queries * this.#headVectors}u; index += ${this.#threads}u) {`,
      `  let tile_query = index / ${this.#headVectors}u;`,
      `  let column = index % ${this.#headVectors}u;`,
      `  ${this.#queries}[tile_query * ${this.#strides.query}u + column] = ${this.#operands.nameOfLoad("query")}(head, min(first_query + tile_query, ${queryCount} - 1u), column * 4u);`,
      "}",
      ...this.#operands.keyRange(queries, this.#visitsAll),
      ...this.#ownQueries.flatMap((row) => [
        `var largest${row} = ${lowest};`,
        `var sum${row} = 0.0f;`,
        ...this.#held.map((held) => `var context${row}_${held} = vec4<f32>();`),
      ]),
    ];
  }

  #visitKeys(): string[] {
    const { keys } = this.#tile;
    const operands: readonly Operand[] = ["key", "value"];
    const load = (first: string): string[] => operands.flatMap((name) => this.#loadFromGlobal(name, first));
    const prefetches = !this.#visitsAll;
    return [
      ...operands.flatMap((name) => this.#slots(name).map(({ index }) => `var ${name}_unit${index}: vec4<f32>;`)),
      ...load("first_key"),
      ...(prefetches ? this.#operands.prefetchSequences(true, "first_key", keys) : []),
      `for (var key0 = first_key; ${prefetches ? this.#operands.isWithinKeys : "key0 < key_end"}; key0 += ${keys}u) {`,
      ...indent([
        "workgroupBarrier();",
        ...this.#storeToShared("key"),
        "workgroupBarrier();",
        ...(prefetches
          ? [
              `let sees_all = ${this.#operands.seesAll(this.#tile.queries, keys)};`,
              ...this.#operands.prefetchSequences(false, `key0 + ${keys}u`, keys),
            ]
          : []),
        ...this.#multiplyKeys(),
        ...this.#scores(true),
        ...this.#ownQueries.map(
          (row) => `${this.#partials}[${this.#weightsOf(row)} + x] = ${acrossLanes("max", `scores${row}`)};`,
        ),
        "workgroupBarrier();",
        ...this.#ownQueries.flatMap((row) => this.#weigh(row)),
        ...this.#storeToShared("value"),
        "// The next tile's loads are in flight while this one is multiplied.",
        ...load(`(key0 + ${keys}u)`),
        "workgroupBarrier();",
        ...this.#multiplyValues(),
      ]),
      "}",
    ];
  }

  /** The vectors of a tile of keys or values that an invocation loads. */
  #slots(name: Operand): readonly LoadSlot[] {
    return loadSlots(this.#tile.keys, name === "key" ? this.#headVectors : this.#valueVectors, this.#threads);
  }

  /** Loads them into registers; beyond the last key, copies of it. */
  #loadFromGlobal(name: Operand, first: string): string[] {
    return this.#slots(name).map(
      ({ index, row, vector }) =>
        `${name}_unit${index} = ${this.#operands.nameOfLoad(name)}(head, min(${first} + ${row}, key_end - 1u), ${vector} * 4u);`,
    );
  }

  #storeToShared(name: Operand): string[] {
    const { key: keyStride } = this.#strides;
    return this.#slots(name).map(({ index, row, vector, isInside }) => {
      const statement = `${this.#keysOrValues}[${row} * ${keyStride}u + ${row} / 4u + ${vector}] = ${name}_unit${index};`;
      return isInside === undefined ? statement : `if (${isInside}) { ${statement} }`;
    });
  }

  /** Declares the products of the invocation's queries with its four keys: `products0`, `products1`. */
  #multiplyKeys(): string[] {
    return [
      ...this.#ownQueries.map((row) => `var products${row} = vec4<f32>();`),
      ...partlyUnrolled("column", this.#headVectors, [
        ...[0, 1, 2, 3].map((key) => `let line${key} = ${this.#keysOrValues}[${this.#keyAt("x", key)} + column];`),
        ...lanes.map(
          (lane) => `let keys_${lane} = vec4<f32>(line0.${lane}, line1.${lane}, line2.${lane}, line3.${lane});`,
        ),
        ...this.#ownQueries.flatMap((row) => [
          `let query_part${row} = ${this.#queries}[(${this.#query(row)}) * ${this.#strides.query}u + column];`,
          ...lanes.map(
            (lane) => `products${row} = fma(vec4<f32>(query_part${row}.${lane}), keys_${lane}, products${row});`,
          ),
        ]),
      ]),
    ];
  }

  /** Declares `scores0`, `scores1`; the lowest number for masked keys. @param writes whether stored scores are written. */
  #scores(writes: boolean): string[] {
    const score = (row: number, visible: string): string =>
      this.#operands.score(`query${row}`, "known_key", `products${row}`, visible);
    const writesScores = writes && this.#stores.includes(this.#operands.attention.scores);
    const masked = this.#ownQueries.flatMap((row) => [
      `let visible${row} = ${this.#operands.visibility(`query${row}`, "known_key")};`,
      `let score${row} = ${score(row, `visible${row}`)};`,
      `scores${row} = select(vec4<f32>(${lowest}), score${row}, ${this.#operands.counts("key", `visible${row}`)});`,
      ...(writesScores ? this.#writeRow(this.#operands.attention.scores, row, `score${row}`) : []),
    ]);
    return [
      "let key = key0 + x * 4u;",
      // Coordinates beyond the last key are clamped to it; the scores computed there are masked.
      "let known_key = min(key, (key_end - 1u) & ~3u);",
      ...this.#ownQueries.map((row) => `var scores${row}: vec4<f32>;`),
      ...(this.#visitsAll
        ? masked
        : [
            "if (sees_all) {",
            ...this.#ownQueries.map((row) => `  scores${row} = ${score(row, "vec4<f32>(1.0f)")};`),
            "} else {",
            ...indent(masked),
            "}",
          ]),
    ];
  }

  /** The number subtracted from scores; for rows with all keys masked, one that gives the lowest number no weight. */
  #base(row: number): string {
    return `vec4<f32>(max(largest${row}, 0.5f * ${lowest}))`;
  }

  /** Computes the weights of a query's keys, and scales the sums to the new maximum. */
  #weigh(row: number): string[] {
    return [
      `var next${row} = largest${row};`,
      `for (var other = 0u; other < ${this.#keyGroups}u; other++) { next${row} = max(next${row}, ${this.#partials}[${this.#weightsOf(row)} + other]); }`,
      `let scale${row} = exp(largest${row} - next${row});`,
      `largest${row} = next${row};`,
      `let weights${row} = exp(scores${row} - ${this.#base(row)});`,
      `sum${row} = sum${row} * scale${row} + ${acrossLanes("sum", `weights${row}`)};`,
      `${this.#weights}[${this.#weightsOf(row)} + x] = weights${row};`,
      ...this.#held.map((held) => `context${row}_${held} *= scale${row};`),
    ];
  }

  #multiplyValues(): string[] {
    const groups = this.#keyGroups;
    const column = (held: number): string => {
      const index = held === 0 ? "x" : `x + ${held * groups}u`;
      return (held + 1) * groups <= this.#valueVectors ? index : `min(${index}, ${this.#valueVectors - 1}u)`;
    };
    return partlyUnrolled("key_group", groups, [
      ...this.#ownQueries.map((row) => `let four${row} = ${this.#weights}[${this.#weightsOf(row)} + key_group];`),
      ...lanes.flatMap((lane, key) => [
        ...this.#held.map(
          (held) =>
            `let value${key}_${held} = ${this.#keysOrValues}[${this.#keyAt("key_group", key)} + ${column(held)}];`,
        ),
        ...this.#ownQueries.flatMap((row) =>
          this.#held.map((held) => {
            const context = `context${row}_${held}`;
            return `${context} = fma(vec4<f32>(four${row}.${lane}), value${key}_${held}, ${context});`;
          }),
        ),
      ]),
    ]);
  }

  /** Sums the weights of each query, and stores the context. */
  #storeContext(): string[] {
    const groups = this.#keyGroups;
    const queryCount = extentText(this.#operands.queries);
    return [
      "workgroupBarrier();",
      ...this.#ownQueries.map((row) => `${this.#partials}[${this.#weightsOf(row)} + x] = sum${row};`),
      "workgroupBarrier();",
      ...this.#ownQueries.flatMap((row) => [
        `var total${row} = 0.0f;`,
        `for (var other = 0u; other < ${groups}u; other++) { total${row} += ${this.#partials}[${this.#weightsOf(row)} + other]; }`,
        `let norm${row} = max(total${row}, 1.0f);`,
        `if (first_query + ${this.#query(row)} < ${queryCount}) {`,
        ...this.#held.map((held) => {
          const column = `(x + ${held * groups}u) * 4u`;
          const stored = this.#operands.storeContext(`query${row}`, column, `(context${row}_${held} / norm${row})`);
          return `  if (x + ${held * groups}u < ${this.#valueVectors}u) { ${stored} }`;
        }),
        "}",
      ]),
    ];
  }

  /** Visits all keys again, with each query's final maximum and sum. */
  #writeProbabilities(): string[] {
    const { attention } = this.#operands;
    return [
      `for (var key0 = first_key; key0 < key_end; key0 += ${this.#tile.keys}u) {`,
      ...indent([
        ...this.#loadFromGlobal("key", "key0"),
        "workgroupBarrier();",
        ...this.#storeToShared("key"),
        "workgroupBarrier();",
        ...this.#multiplyKeys(),
        ...this.#scores(false),
        ...this.#ownQueries.flatMap((row) => {
          const weights = `exp(scores${row} - ${this.#base(row)})`;
          return this.#writeRow(attention.probabilities, row, `(${weights} / norm${row})`);
        }),
      ]),
      "}",
    ];
  }

  /** Stores four elements of the scores or probabilities. */
  #writeRow(value: Value, row: number, vector: string): string[] {
    const { name, type } = this.#operands.bindings.write(value);
    const [queries, keys] = value.shape.slice(-2) as [Extent, Extent];
    const index = linear([...this.#operands.leading, at(`query${row}`)], value.shape.slice(0, -1));
    const place = vectorIndex(index, value, at("key", 4));
    return [
      `if (first_query + ${this.#query(row)} < ${extentText(queries)} && key < key_end) {`,
      `  ${storeVector(name, place, maskTail(vector, "key", keys, "0.0f"), type)}`,
      "}",
    ];
  }
}
