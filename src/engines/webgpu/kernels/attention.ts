/**
 * The kernel of attention: a workgroup takes a tile of queries of one head through all keys, tile by tile, with an online
 * softmax (Milakov and Gimelshein, 2018; Dao et al., 2022), so that no score leaves the chip.
 *
 * For a row of scores s the running maximum m, the sum l of e^(s − m) and the weighted sum o of values are kept; a new tile
 * with a larger maximum scales what was there by e^(m_old − m_new). In the end o / max(l, 1): the largest term of a row is
 * e⁰, so l is at least 1 unless every key is masked, and then o is zero.
 *
 * Where the mask lets a query see its own sequence only (`passes/pack-sequences.ts`), the keys of other sequences are not
 * visited. Scores and probabilities that are to be kept are written on the way; then all keys are visited, twice for the
 * probabilities.
 */
import type { Kernel } from "../../../passes/schedule.ts";
import type { Extent, Value } from "../../../program/program.ts";
import type { KernelBindings } from "../codegen/bindings.ts";
import { at, linear } from "../codegen/coordinates.ts";
import { acrossLanes, lowest, maskTail, vectorIndex } from "../codegen/expressions.ts";
import { assemble, indent, type KernelLimits, type KernelSource, productOf } from "../codegen/kernel-source.ts";
import { extentText, storeVector } from "../codegen/storage.ts";
import { AttentionParts } from "./attention-parts.ts";
import { placeOfInvocation } from "./invocations.ts";

interface Tile {
  readonly queries: number;
  readonly keys: number;
  /** Queries of one invocation, which has four keys. */
  readonly own: number;
}

const tile = (queries: number, keys: number, own: number): Tile => ({ queries, keys, own });

/**
 * Best first: what fits into the device's workgroup memory is taken. 48 queries make 96 workgroups of 384 tokens and twelve
 * heads, which a large GPU computes at a time; 32 make 144, of which it computes a few after all others.
 */
const tiles: readonly Tile[] = [
  tile(48, 64, 4),
  tile(32, 64, 4),
  tile(32, 32, 4),
  tile(16, 32, 2),
  tile(16, 16, 2),
  tile(8, 16, 2),
];

/** A CPU gains nothing from more registers. */
const softwareTiles: readonly Tile[] = [tile(32, 32, 2), ...tiles.slice(3)];

export function attentionKernel(
  kernel: Kernel & { readonly template: { readonly kind: "attention" } },
  bindings: KernelBindings,
  limits: KernelLimits,
): KernelSource {
  const { attention } = kernel.template;
  return new AttentionGenerator(new AttentionParts(attention, bindings), kernel.stores, limits).generate();
}

class AttentionGenerator {
  readonly #parts: AttentionParts;
  readonly #stores: readonly Value[];
  readonly #tile: Tile;
  /** Vectors of four in a query or key, and in a value. */
  readonly #depth: number;
  readonly #width: number;

  constructor(parts: AttentionParts, stores: readonly Value[], limits: KernelLimits) {
    this.#parts = parts;
    this.#stores = stores;
    this.#depth = Math.ceil(parts.depth / 4);
    this.#width = Math.ceil(parts.width / 4);
    const fits = (tile: Tile): boolean =>
      this.#memoryOf(tile) <= limits.workgroupMemory && invocationsOf(tile) <= limits.workgroupSize;
    this.#tile = (limits.isSoftware ? softwareTiles : tiles).find(fits) ?? (tiles.at(-1) as Tile);
  }

  generate(): KernelSource {
    const { attention, bindings, queries } = this.#parts;
    for (const value of this.#stores) bindings.write(value);
    const leading = attention.products.shape.slice(0, -2);
    const { scores, probabilities } = attention;
    const keepsProbabilities = this.#stores.includes(probabilities);
    const keepsScores = this.#stores.includes(scores);
    const functions = [...this.#parts.loads("f32"), this.#parts.scores()];
    const body = [
      ...this.#start(keepsScores || keepsProbabilities),
      ...this.#pass(keepsScores, this.#accumulate()),
      ...this.#conclude(),
      ...(keepsProbabilities ? this.#pass(false, this.#writeProbabilities()) : []),
    ];
    return {
      code: assemble(bindings, {
        declarations: [...this.#workgroupMemory(), ...functions],
        workgroupSize: [invocationsOf(this.#tile)],
        body,
      }),
      bindings: bindings.bindings,
      workgroups: (extentOf) => [Math.ceil(extentOf(queries) / this.#tile.queries), productOf(leading, extentOf), 1],
      workgroupMemory: this.#memoryOf(this.#tile),
      workgroupSize: invocationsOf(this.#tile),
    };
  }

  /** The queries of an invocation, by their numbers. */
  get #own(): readonly number[] {
    return Array.from({ length: this.#tile.own }, (_, row) => row);
  }

  /** The place of a query of the invocation in the tile, as WGSL. */
  #query(row: number): string {
    return `y * ${this.#tile.own}u + ${row}u`;
  }

  /** Invocations side by side along the keys. */
  get #keyGroups(): number {
    return this.#tile.keys / 4;
  }

  /** Vectors of the context that an invocation holds for each of its queries. */
  get #held(): number {
    return Math.ceil(this.#width / this.#keyGroups);
  }

  #memoryOf({ queries, keys }: Tile): number {
    const vectors = queries * (this.#depth + 1) + this.#lengthOf(keys);
    return 16 * vectors + 4 * (queries * keys + (queries * keys) / 4);
  }

  /** Vectors that lines of keys or values take. */
  #lengthOf(keys: number): number {
    return keys * (Math.max(this.#depth, this.#width) + 1) + keys / 4;
  }

  /**
   * Where the line of a key of the tile begins. Every fourth line is followed by a vector more, for neighbours read lines
   * that are four apart: they begin in different memory banks.
   */
  #lineAt(fours: string, key: number): string {
    const line = Math.max(this.#depth, this.#width) + 1;
    return `${fours} * ${4 * line + 1}u${key === 0 ? "" : ` + ${key * line}u`}`;
  }

  #workgroupMemory(): string[] {
    const { queries, keys } = this.#tile;
    return [
      `var<workgroup> queries: array<vec4<f32>, ${queries * (this.#depth + 1)}>;`,
      "// Keys first, then the values of the same positions.",
      `var<workgroup> lines: array<vec4<f32>, ${this.#lengthOf(keys)}>;`,
      `var<workgroup> weights: array<vec4<f32>, ${(queries * keys) / 4}>;`,
      `var<workgroup> partials: array<f32, ${(queries * keys) / 4}>;`,
    ];
  }

  #start(visitsAll: boolean): string[] {
    const { queries } = this.#tile;
    const queryCount = extentText(this.#parts.queries);
    const invocations = invocationsOf(this.#tile);
    return [
      ...placeOfInvocation("local_index", this.#keyGroups, this.#tile.queries / this.#tile.own),
      "let head = group.y;",
      `let first_query = group.x * ${queries}u;`,
      ...this.#own.map((row) => `let query${row} = min(first_query + ${this.#query(row)}, ${queryCount} - 1u);`),
      `for (var index = local_index; index < ${queries * this.#depth}u; index += ${invocations}u) {`,
      `  let line = index / ${this.#depth}u;`,
      `  let column = index % ${this.#depth}u;`,
      `  queries[line * ${this.#depth + 1}u + column] = load_query(head, min(first_query + line, ${queryCount} - 1u), column * 4u);`,
      "}",
      ...this.#parts.keyRange(queries, visitsAll),
      ...this.#own.flatMap((row) => [
        `var largest${row} = ${lowest};`,
        `var sum${row} = 0.0f;`,
        ...Array.from({ length: this.#held }, (_, held) => `var context${row}_${held} = vec4<f32>();`),
      ]),
    ];
  }

  /** Visits all keys, tile by tile, with the scores of the invocation's queries as `scores0`, `scores1`. */
  #pass(keepsScores: boolean, visit: readonly string[]): string[] {
    const { keys } = this.#tile;
    const { context, scores } = this.#parts.attention;
    const condition = this.#parts.isWithinKeys(this.#stores.some((value) => value !== context));
    return [
      `for (var key0 = first_key; ${condition}; key0 += ${keys}u) {`,
      ...indent([
        ...this.#fillLines("key", this.#depth),
        ...this.#own.map((row) => `var products${row} = vec4<f32>();`),
        `for (var column = 0u; column < ${this.#depth}u; column++) {`,
        ...[0, 1, 2, 3].map((key) => `  let key_part${key} = lines[${this.#lineAt("x", key)} + column];`),
        ...this.#own.flatMap((row) => {
          const dots = [0, 1, 2, 3].map((key) => `dot(query_part${row}, key_part${key})`);
          return [
            `  let query_part${row} = queries[(${this.#query(row)}) * ${this.#depth + 1}u + column];`,
            `  products${row} += vec4<f32>(${dots.join(", ")});`,
          ];
        }),
        "}",
        "let key = key0 + x * 4u;",
        // Coordinates past the end are those of the last key: what is computed there does not count.
        `let known_key = min(key, (key_end - 1u) & ~3u);`,
        ...this.#own.flatMap((row) => [
          `let visible_to${row} = visibility(head, query${row}, known_key);`,
          `let scores${row} = score(head, query${row}, known_key, products${row}, visible_to${row});`,
          `let counts${row} = ${this.#parts.counts("key", `visible_to${row}`)};`,
          ...(keepsScores ? this.#writeRow(scores, row, `scores${row}`) : []),
        ]),
        ...visit,
      ]),
      "}",
    ];
  }

  /** Keys or values of the tile's positions, by all invocations. */
  #fillLines(name: "key" | "value", vectors: number): string[] {
    const { keys } = this.#tile;
    const lineLength = Math.max(this.#depth, this.#width) + 1;
    return [
      "workgroupBarrier();",
      `for (var index = local_index; index < ${keys * vectors}u; index += ${invocationsOf(this.#tile)}u) {`,
      `  let line = index / ${vectors}u;`,
      `  let column = index % ${vectors}u;`,
      `  lines[line * ${lineLength}u + line / 4u + column] = load_${name}(head, min(key0 + line, key_end - 1u), column * 4u);`,
      "}",
      "workgroupBarrier();",
    ];
  }

  #accumulate(): string[] {
    const { keys } = this.#tile;
    const groups = this.#keyGroups;
    const rows = this.#own;
    const place = (row: number): string => `(${this.#query(row)}) * ${groups}u`;
    return [
      ...rows.flatMap((row) => [
        `let visible${row} = select(vec4<f32>(${lowest}), scores${row}, counts${row});`,
        `partials[${place(row)} + x] = ${acrossLanes("max", `visible${row}`)};`,
      ]),
      "workgroupBarrier();",
      ...rows.flatMap((row) => [
        `var next${row} = largest${row};`,
        `for (var other = 0u; other < ${groups}u; other++) { next${row} = max(next${row}, partials[${place(row)} + other]); }`,
        `let scale${row} = exp(largest${row} - next${row});`,
        `largest${row} = next${row};`,
        `let weights${row} = select(vec4<f32>(), exp(visible${row} - vec4<f32>(next${row})), counts${row});`,
        `sum${row} = sum${row} * scale${row} + ${acrossLanes("sum", `weights${row}`)};`,
        `weights[${place(row)} + x] = weights${row};`,
        ...Array.from({ length: this.#held }, (_, held) => `context${row}_${held} *= scale${row};`),
      ]),
      ...this.#fillLines("value", this.#width),
      `for (var key_group = 0u; key_group < ${keys / 4}u; key_group++) {`,
      ...rows.map((row) => `  let four${row} = weights[${place(row)} + key_group];`),
      ...["x", "y", "z", "w"].flatMap((lane, key) => [
        ...Array.from({ length: this.#held }, (_, held) => {
          const column = `min(x + ${held * groups}u, ${this.#width - 1}u)`;
          return `  let value${key}_${held} = lines[${this.#lineAt("key_group", key)} + ${column}];`;
        }),
        ...rows.flatMap((row) =>
          Array.from(
            { length: this.#held },
            (_, held) => `  context${row}_${held} += four${row}.${lane} * value${key}_${held};`,
          ),
        ),
      ]),
      "}",
    ];
  }

  /** Sums over the invocations of a row, and the context written. */
  #conclude(): string[] {
    const groups = this.#keyGroups;
    const place = (row: number): string => `(${this.#query(row)}) * ${groups}u`;
    const queryCount = extentText(this.#parts.queries);
    return [
      "workgroupBarrier();",
      ...this.#own.map((row) => `partials[${place(row)} + x] = sum${row};`),
      "workgroupBarrier();",
      ...this.#own.flatMap((row) => {
        return [
          `var total${row} = 0.0f;`,
          `for (var other = 0u; other < ${groups}u; other++) { total${row} += partials[${place(row)} + other]; }`,
          `let norm${row} = max(total${row}, 1.0f);`,
          `if (first_query + ${this.#query(row)} < ${queryCount}) {`,
          ...Array.from({ length: this.#held }, (_, held) => {
            const column = `(x + ${held * groups}u) * 4u`;
            const stored = this.#parts.storeContext(`query${row}`, column, `(context${row}_${held} / norm${row})`);
            return `  if (x + ${held * groups}u < ${this.#width}u) { ${stored} }`;
          }),
          "}",
        ];
      }),
    ];
  }

  #writeProbabilities(): string[] {
    return this.#own.flatMap((row) => [
      `let weight${row} = select(vec4<f32>(), exp(scores${row} - vec4<f32>(largest${row})), counts${row});`,
      ...this.#writeRow(this.#parts.attention.probabilities, row, `(weight${row} / norm${row})`),
    ]);
  }

  /** Four elements of a kept stage, by whoever has them. */
  #writeRow(value: Value, row: number, vector: string): string[] {
    const { name, type } = this.#parts.bindings.write(value);
    const [queries, keys] = value.shape.slice(-2) as [Extent, Extent];
    const index = linear([...this.#parts.leading, at(`query${row}`)], value.shape.slice(0, -1));
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

const invocationsOf = ({ queries, keys, own }: Tile): number => (queries / own) * (keys / 4);
