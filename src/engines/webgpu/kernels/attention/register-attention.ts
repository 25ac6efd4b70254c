/**
 * The kernel of attention without tensor cores: a workgroup takes a tile of queries of one head through all keys, tile by
 * tile, with an online softmax (Milakov and Gimelshein, 2018; Dao et al., 2022), so that no score leaves the chip.
 *
 * For a row of scores s the running maximum m, the sum l of e^(s − m) and the weighted sum o of values are kept; a new tile
 * with a larger maximum scales what was there by e^(m_old − m_new). In the end o / max(l, 1): the largest term of a row is
 * e⁰, so l is at least 1 unless every key is masked, and then o is zero.
 *
 * The next tile's keys and values are loaded while this one's are multiplied; both have the same place in workgroup memory,
 * one after the other. Where the mask lets a query see its own sequence only (`rewrites/pack-sequences.ts`), the keys of other
 * sequences are not visited, and where all queries of a tile see all its keys nothing is masked. Scores and probabilities
 * that are to be kept are written on the way; then all keys are visited, twice for the probabilities.
 *
 * Must stay true: barriers are reached by all invocations of a workgroup.
 */
import type { Extent, Value } from "../../../../program/program.ts";
import { at, linear } from "../../wgsl/coordinates.ts";
import { bytesOf } from "../../wgsl/declarations.ts";
import { acrossLanes, lowest, maskTail, vectorIndex } from "../../wgsl/expressions.ts";
import { assemble, indent, type KernelSource } from "../../wgsl/kernel-source.ts";
import { extentText, storeVector } from "../../wgsl/storage.ts";
import { type LoadSlot, loadSlots } from "../cooperative-load.ts";
import type { EmitRequest, KernelFamily } from "../family.ts";
import { threadSwizzle } from "../thread-swizzle.ts";
import { AttentionOperands } from "./operands.ts";
import { type AttentionProblem, attentionProblem } from "./problem.ts";
import {
  type AttentionStrides,
  type AttentionTile,
  AttentionTileSchema,
  attentionStrides,
  attentionThreadsOf,
  attentionTileCandidates,
  attentionVariables,
  defaultAttentionTile,
  formatAttentionTile,
  isValidAttentionTile,
} from "./register-tiles.ts";

export const registerAttention: KernelFamily<AttentionProblem, AttentionTile> = {
  name: "attention",
  accepts: ({ template }) => (template.kind === "attention" ? attentionProblem(template.attention) : undefined),
  defaultTile: defaultAttentionTile,
  isValid: isValidAttentionTile,
  threadsOf: attentionThreadsOf,
  workgroupVariables: attentionVariables,
  hasGrid: true,
  emit: (request, tile) => new RegisterAttention(request, tile).emit(),
  tuning: { schema: AttentionTileSchema, candidates: attentionTileCandidates, format: formatAttentionTile },
};

type Operand = "key" | "value";

const lanes = ["x", "y", "z", "w"] as const;

/**
 * Statements for each of so many indices, several written out and looped over: attention at 384 tokens takes an NVIDIA H200
 * 14 % less time than in a plain loop.
 */
function partlyUnrolled(index: string, count: number, statements: readonly string[]): string[] {
  const together = [4, 2].find((size) => count % size === 0) ?? 1;
  const written = Array.from({ length: together }, (_, place) => [
    "{",
    `  let ${index} = ${index}_first * ${together}u + ${place}u;`,
    ...indent(statements),
    "}",
  ]);
  const start = `for (var ${index}_first = 0u; ${index}_first < ${count / together}u; ${index}_first++) {`;
  return [start, ...indent(written.flat()), "}"];
}

class RegisterAttention {
  readonly #operands: AttentionOperands;
  readonly #stores: readonly Value[];
  readonly #tile: AttentionTile;
  readonly #strides: AttentionStrides;
  readonly #threads: number;
  /** Vectors of four in a query or key, and in a value. */
  readonly #headVectors: number;
  readonly #valueVectors: number;
  /** Whether every score is computed, for some are kept. */
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
    this.#threads = attentionThreadsOf(tile);
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
      ...this.#conclude(),
      ...(this.#stores.includes(attention.probabilities) ? this.#writeProbabilities() : []),
    ];
    return {
      ...assemble(bindings, { declarations, workgroupSize: [this.#threads], body }),
      ...this.#operands.grid(this.#tile.queries),
      workgroupMemory: bytesOf(attentionVariables(this.#tile, this.#operands)),
      workgroupSize: this.#threads,
    };
  }

  /** The queries of an invocation, by their numbers. */
  get #ownQueries(): readonly number[] {
    return Array.from({ length: this.#tile.threadQueries }, (_, row) => row);
  }

  /** The place of a query of the invocation in the tile, as WGSL. */
  #query(row: number): string {
    return `y * ${this.#tile.threadQueries}u + ${row}u`;
  }

  /** Where a query's line of weights begins, and of what its invocations share. */
  #weightsOf(row: number): string {
    return `(${this.#query(row)}) * ${this.#strides.weight}u`;
  }

  /** Invocations side by side along the keys. */
  get #keyGroups(): number {
    return this.#tile.keys / 4;
  }

  /** Vectors of the context that an invocation holds for each of its queries. */
  get #held(): readonly number[] {
    return Array.from({ length: Math.ceil(this.#valueVectors / this.#keyGroups) }, (_, held) => held);
  }

  /** Where the line of one of four keys of the tile begins. */
  #lineAt(fours: string, key: number): string {
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
      `  let line = index / ${this.#headVectors}u;`,
      `  let column = index % ${this.#headVectors}u;`,
      `  ${this.#queries}[line * ${this.#strides.query}u + column] = ${this.#operands.nameOfLoad("query")}(head, min(first_query + line, ${queryCount} - 1u), column * 4u);`,
      "}",
      ...this.#operands.keyRange(queries, this.#visitsAll),
      ...this.#ownQueries.flatMap((row) => [
        `var largest${row} = ${lowest};`,
        `var sum${row} = 0.0f;`,
        ...this.#held.map((held) => `var context${row}_${held} = vec4<f32>();`),
      ]),
    ];
  }

  /** All keys, tile by tile. */
  #visitKeys(): string[] {
    const { keys } = this.#tile;
    const operands: readonly Operand[] = ["key", "value"];
    const load = (first: string): string[] => operands.flatMap((name) => this.#loadFromGlobal(name, first));
    const prefetches = !this.#visitsAll;
    return [
      ...operands.flatMap((name) => this.#slots(name).map(({ index }) => `var ${name}_unit${index}: vec4<f32>;`)),
      ...load("first_key"),
      ...(prefetches ? this.#operands.prefetchSequences(true, "first_key", keys) : []),
      `for (var key0 = first_key; ${prefetches ? this.#operands.isStillWithinKeys : "key0 < key_end"}; key0 += ${keys}u) {`,
      ...indent([
        "workgroupBarrier();",
        ...this.#storeToShared("key"),
        "workgroupBarrier();",
        ...(prefetches
          ? [
              `let sees_all = ${this.#operands.seesAll(keys)};`,
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
        "// What comes next is on its way while this is multiplied.",
        ...load(`(key0 + ${keys}u)`),
        "workgroupBarrier();",
        ...this.#multiplyValues(),
      ]),
      "}",
    ];
  }

  /** The vectors of a tile of keys or values that one invocation brings. */
  #slots(name: Operand): readonly LoadSlot[] {
    return loadSlots(this.#tile.keys, name === "key" ? this.#headVectors : this.#valueVectors, this.#threads);
  }

  /** Loads them into registers. Past the end are copies of the last. */
  #loadFromGlobal(name: Operand, first: string): string[] {
    return this.#slots(name).map(
      ({ index, row, vector }) =>
        `${name}_unit${index} = ${this.#operands.nameOfLoad(name)}(head, min(${first} + ${row}, key_end - 1u), ${vector} * 4u);`,
    );
  }

  /** Writes them into memory. */
  #storeToShared(name: Operand): string[] {
    const { key: keyStride } = this.#strides;
    return this.#slots(name).map(({ index, row, vector, isInside }) => {
      const statement = `${this.#keysOrValues}[${row} * ${keyStride}u + ${row} / 4u + ${vector}] = ${name}_unit${index};`;
      return isInside === undefined ? statement : `if (${isInside}) { ${statement} }`;
    });
  }

  /** The products of the invocation's queries with its four keys, as `products0`, `products1`. */
  #multiplyKeys(): string[] {
    return [
      ...this.#ownQueries.map((row) => `var products${row} = vec4<f32>();`),
      ...partlyUnrolled("column", this.#headVectors, [
        ...[0, 1, 2, 3].map((key) => `let line${key} = ${this.#keysOrValues}[${this.#lineAt("x", key)} + column];`),
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

  /**
   * The scores of the invocation's queries and keys as `scores0`, `scores1`; the lowest number where a key does not count.
   * @param keeps whether they are written, if they are to be kept.
   */
  #scores(keeps: boolean): string[] {
    const score = (row: number, visible: string): string =>
      this.#operands.score(`query${row}`, "known_key", `products${row}`, visible);
    const keepsScores = keeps && this.#stores.includes(this.#operands.attention.scores);
    const masked = this.#ownQueries.flatMap((row) => [
      `let visible${row} = ${this.#operands.visibility(`query${row}`, "known_key")};`,
      `let score${row} = ${score(row, `visible${row}`)};`,
      `scores${row} = select(vec4<f32>(${lowest}), score${row}, ${this.#operands.counts("key", `visible${row}`)});`,
      ...(keepsScores ? this.#writeRow(this.#operands.attention.scores, row, `score${row}`) : []),
    ]);
    return [
      "let key = key0 + x * 4u;",
      // Coordinates past the end are those of the last key: what is computed there does not count.
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

  /** What is subtracted from scores: where no key counts, so much that the lowest number has no weight either. */
  #base(row: number): string {
    return `vec4<f32>(max(largest${row}, 0.5f * ${lowest}))`;
  }

  /** The weights of a query's keys, and everything before scaled to the new maximum. */
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
      const own = held === 0 ? "x" : `x + ${held * groups}u`;
      return (held + 1) * groups <= this.#valueVectors ? own : `min(${own}, ${this.#valueVectors - 1}u)`;
    };
    return partlyUnrolled("key_group", groups, [
      ...this.#ownQueries.map((row) => `let four${row} = ${this.#weights}[${this.#weightsOf(row)} + key_group];`),
      ...lanes.flatMap((lane, key) => [
        ...this.#held.map(
          (held) =>
            `let value${key}_${held} = ${this.#keysOrValues}[${this.#lineAt("key_group", key)} + ${column(held)}];`,
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

  /** Sums over the invocations of a row, and the context written. */
  #conclude(): string[] {
    const groups = this.#keyGroups;
    const queryCount = extentText(this.#operands.queries);
    return [
      "workgroupBarrier();",
      ...this.#ownQueries.map((row) => `${this.#partials}[${this.#weightsOf(row)} + x] = sum${row};`),
      "workgroupBarrier();",
      ...this.#ownQueries.flatMap((row) => {
        return [
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
        ];
      }),
    ];
  }

  /** Visits all keys again, now that each query's maximum and sum are known. */
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

  /** Four elements of a kept stage, by whoever has them. */
  #writeRow(value: Value, row: number, vector: string): string[] {
    const { name, type } = this.#operands.bindings.write(value);
    const [queries, keys] = value.shape.slice(-2) as [Extent, Extent];
    const index = linear([...this.#operands.leading, at(`query${row}`)], value.shape.slice(0, -1));
    const statement = storeVector(
      name,
      vectorIndex(index, value, at("key", 4)),
      maskTail(vector, "key", keys, "0.0f"),
      type,
    );
    return [
      `if (first_query + ${this.#query(row)} < ${extentText(queries)} && key < key_end) {`,
      `  ${statement}`,
      "}",
    ];
  }
}
