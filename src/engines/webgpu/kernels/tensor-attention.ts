/**
 * The kernel of attention in tensor cores: as `attention.ts`, but both products are made of fragments.
 *
 * A workgroup takes a tile of queries of one head through the keys. A subgroup has 16 of the queries, and may share them with
 * others that have other keys of the first product and other columns of the second. Between the two the scores go through
 * workgroup memory, where a few lanes have a row of them each.
 *
 * Fragments cannot be scaled row by row, so the weighted sum is not scaled to every new maximum: only when a maximum grows
 * by more than `slack` above the one in use, which after the first tile of keys is rare, it goes through workgroup memory
 * to be scaled. Weights are then at most e^slack, far inside float16, and the result is the same.
 *
 * Must stay true: control flow around fragments and barriers is the same for all invocations of a workgroup.
 */
import type { Attention, Kernel } from "../../../passes/schedule.ts";
import type { Value } from "../../../program/program.ts";
import type { KernelBindings, TensorSource } from "../codegen/bindings.ts";
import { lowest } from "../codegen/expressions.ts";
import { assemble, gridOf, indent, type KernelSource } from "../codegen/kernel-source.ts";
import { extentText } from "../codegen/storage.ts";
import { AttentionParts } from "./attention-parts.ts";
import { type BroughtUnit, broughtUnits } from "./brought-units.ts";
import {
  type AttentionLayout,
  layoutOf,
  type Region,
  type TensorAttentionTile,
  tensorAttentionInvocationsOf,
  tensorAttentionMemoryOf,
} from "./tensor-attention-tiles.ts";
import {
  fragment,
  loadFragment,
  packEight,
  storeFragment,
  subgroupSize,
  tensorExtensions,
} from "./tensor-fragments.ts";

/** How far a score may lie above the maximum in use: e^8 is 2,981. */
const slack = 8;

/** Whether all it stores is the context, in float16: this kernel writes no scores or probabilities. */
export function suitsTensorAttention(
  { context }: Attention,
  stores: readonly Value[],
  placement: TensorSource,
): boolean {
  return stores.every((value) => value === context && placement.typeOf(value) === "f16");
}

export function tensorAttentionKernel(
  { template, stores }: Kernel & { readonly template: { readonly kind: "attention" } },
  bindings: KernelBindings,
  tile: TensorAttentionTile,
): KernelSource {
  for (const value of stores) bindings.write(value);
  return new TensorAttentionGenerator(new AttentionParts(template.attention, bindings), tile).generate();
}

type Operand = "query" | "key" | "value";

/** Lines of an operand that a workgroup brings into its memory. */
interface Strip {
  readonly lines: number;
  readonly elements: number;
}

/** The position of a line of a tile of keys; lines past the end are the last key again. */
const keyFrom =
  (first: string) =>
  (line: string): string =>
    `min(${first} + ${line}, key_end - 1u)`;

class TensorAttentionGenerator {
  readonly #parts: AttentionParts;
  readonly #tile: TensorAttentionTile;
  readonly #layout: AttentionLayout;
  readonly #invocations: number;

  constructor(parts: AttentionParts, tile: TensorAttentionTile) {
    this.#parts = parts;
    this.#tile = tile;
    this.#layout = layoutOf(tile, parts);
    this.#invocations = tensorAttentionInvocationsOf(tile);
  }

  generate(): KernelSource {
    const { attention, bindings, queries } = this.#parts;
    const declarations = [
      "// Keys, values, weights, and rows of scores or of the weighted sum.",
      `var<workgroup> tile: array<vec4<u32>, ${this.#layout.size}>;`,
      `var<workgroup> scales: array<f32, ${this.#tile.queries}>;`,
      "var<workgroup> must_scale: atomic<u32>;",
      packEight,
      ...this.#parts.unitLoads(this.#layout.depth, this.#layout.width),
      this.#parts.scores(),
    ];
    const body = [...this.#start(), ...this.#visitKeys(), ...this.#conclude()];
    return {
      ...assemble(bindings, {
        extensions: tensorExtensions,
        declarations,
        workgroupSize: [this.#invocations],
        body,
      }),
      ...gridOf(
        { extents: [queries], each: this.#tile.queries },
        { extents: attention.products.shape.slice(0, -2), each: 1 },
        { extents: [], each: 1 },
      ),
      workgroupMemory: tensorAttentionMemoryOf(this.#tile, this.#parts),
      workgroupSize: this.#invocations,
    };
  }

  /** Fragments of the context that a subgroup holds. */
  get #held(): number[] {
    return Array.from({ length: this.#layout.width / fragment / this.#tile.sharing }, (_, index) => index);
  }

  #start(): string[] {
    const { queries } = this.#tile;
    const queryCount = extentText(this.#parts.queries);
    const { start } = this.#layout.rows;
    const query = { lines: queries, elements: this.#layout.depth };
    return [
      "let head = group.y;",
      `let first_query = group.x * ${queries}u;`,
      `let subgroup = local_index / ${subgroupSize}u;`,
      `let row_part = subgroup / ${this.#tile.sharing}u * ${fragment}u;`,
      `let share = subgroup % ${this.#tile.sharing}u;`,
      ...this.#parts.keyRange(queries, false),
      "// The row of scores that a few neighbouring lanes have.",
      `let row = local_index / ${this.#lanes}u;`,
      `let lane = local_index % ${this.#lanes}u;`,
      `let query = min(first_query + row, ${queryCount} - 1u);`,
      ...this.#declare("query", query),
      ...this.#declare("key", this.#keys),
      ...this.#declare("value", this.#values),
      ...this.#fetch("query", query, (line) => `min(first_query + ${line}, ${queryCount} - 1u)`),
      ...this.#fetchKeys("first_key"),
      ...this.#keep("query", query, { start, line: this.#layout.key.line }),
      ...this.#keep("key", this.#keys, this.#layout.key),
      ...this.#fetchValues("first_key"),
      ...this.#fetchKeys(`(first_key + ${this.#tile.keys}u)`),
      "workgroupBarrier();",
      ...Array.from({ length: this.#layout.depth / fragment }, (_, index) => {
        const place = `${start}u + row_part * ${this.#layout.key.line}u + ${index * 2}u`;
        return `let query${index} = ${loadFragment("left", "row_major", place, this.#layout.key.line)};`;
      }),
      "// Scores come where the queries were.",
      "workgroupBarrier();",
      ...this.#held.map((index) => `var context${index}: subgroup_matrix_result<f32, 16, 16>;`),
      `var largest = ${lowest};`,
      "var sum = 0.0f;",
    ];
  }

  get #keys(): Strip {
    return { lines: this.#tile.keys, elements: this.#layout.depth };
  }

  get #values(): Strip {
    return { lines: this.#tile.keys, elements: this.#layout.width };
  }

  /** Of the tile of keys that begins at a key. */
  #fetchKeys(first: string): string[] {
    return this.#fetch("key", this.#keys, keyFrom(first));
  }

  #fetchValues(first: string): string[] {
    return this.#fetch("value", this.#values, keyFrom(first));
  }

  /** Loads what an invocation brings of lines of queries, keys or values, eight elements at a time, into registers. */
  #fetch(name: Operand, { lines, elements }: Strip, position: (line: string) => string): string[] {
    return this.#units(lines, elements).map(({ index, line, unit }) => {
      return `${name}_unit${index} = load_${name}_unit(head, ${position(line)}, ${unit} * 8u);`;
    });
  }

  /** Writes it into memory. */
  #keep(name: Operand, { lines, elements }: Strip, region: Region): string[] {
    return this.#units(lines, elements).map(({ index, line, unit, isInside }) => {
      const statement = `tile[${region.start}u + ${line} * ${region.line}u + ${unit}] = ${name}_unit${index};`;
      return isInside === undefined ? statement : `if (${isInside}) { ${statement} }`;
    });
  }

  #declare(name: Operand, { lines, elements }: Strip): string[] {
    return this.#units(lines, elements).map(({ index }) => `var ${name}_unit${index}: vec4<u32>;`);
  }

  /** The units of eight elements that one invocation brings. */
  #units(lines: number, elements: number): readonly BroughtUnit[] {
    return broughtUnits(lines, elements / 8, this.#invocations);
  }

  /**
   * Three barriers a tile. Between the first, after which no key is read any more, and the second, before which no value is
   * read, come this tile's values and the next tile's keys, fetched when the tile before was.
   */
  #visitKeys(): string[] {
    const { keys } = this.#tile;
    return [
      ...this.#parts.lookAhead(true, "first_key", keys),
      `for (var key0 = first_key; ${this.#parts.isStillWithinKeys}; key0 += ${keys}u) {`,
      ...indent([
        ...this.#multiplyKeys(),
        "workgroupBarrier();",
        ...this.#keep("value", this.#values, this.#layout.value),
        ...this.#keep("key", this.#keys, this.#layout.key),
        `let sees_all = ${this.#parts.seesAll(keys)};`,
        "// What comes next is on its way while this is computed.",
        ...this.#parts.lookAhead(false, `key0 + ${keys}u`, keys),
        ...this.#fetchValues(`(key0 + ${keys}u)`),
        ...this.#fetchKeys(`(key0 + ${2 * keys}u)`),
        ...this.#softmax(),
        "if (workgroupUniformLoad(&must_scale) != 0u) {",
        ...indent(this.#scaleContext()),
        "}",
        ...this.#multiplyValues(),
      ]),
      "}",
    ];
  }

  #multiplyKeys(): string[] {
    const count = this.#tile.keys / fragment / this.#tile.sharing;
    return Array.from({ length: count }, (_, index) => {
      const column = `(share * ${count}u + ${index}u)`;
      const products = Array.from({ length: this.#layout.depth / fragment }, (__, part) => {
        const place = `${this.#layout.key.start}u + ${column} * ${fragment * this.#layout.key.line}u + ${part * 2}u`;
        const key = loadFragment("right", "col_major", place, this.#layout.key.line);
        return `products${index} = subgroupMatrixMultiplyAccumulate(query${part}, ${key}, products${index});`;
      });
      return [
        `var products${index} = subgroup_matrix_result<f32, 16, 16>();`,
        ...products,
        storeFragment(
          `${this.#layout.rows.start}u + row_part * ${this.#layout.rows.line}u + ${column} * 4u`,
          `products${index}`,
          this.#layout.rows.line,
        ),
      ];
    }).flat();
  }

  /** Lanes that have a row of scores. */
  get #lanes(): number {
    return (this.#tile.sharing * subgroupSize) / fragment;
  }

  /** The lanes of a row take turns at eight of its scores. */
  #softmax(): string[] {
    const shuffles = Array.from({ length: Math.log2(this.#lanes) }, (_, power) => 2 ** power);
    const eights = Array.from({ length: this.#tile.keys / 8 / this.#lanes }, (_, index) => index);
    const halves = eights.flatMap((eight) => [0, 1].map((half) => ({ eight, half, name: `${eight}_${half}` })));
    const score = (name: string, visible: string): string =>
      `score(head, query, known_key${name}, products${name}, ${visible})`;
    const read = halves.flatMap(({ eight, half, name }) => {
      const unit = `(lane + ${eight * this.#lanes}u) * 2u + ${half}u`;
      return [
        `let products${name} = bitcast<vec4<f32>>(tile[${this.#layout.rows.start}u + row * ${this.#layout.rows.line}u + ${unit}]);`,
        `let key${name} = key0 + (${unit}) * 4u;`,
        // Coordinates past the end are those of the last key: what is computed there does not count.
        `let known_key${name} = min(key${name}, (key_end - 1u) & ~3u);`,
        `var scores${name}: vec4<f32>;`,
      ];
    });
    const masked = halves.flatMap(({ name }) => {
      const counts = this.#parts.counts(`key${name}`, `visible${name}`);
      return [
        `let visible${name} = visibility(head, query, known_key${name});`,
        `scores${name} = select(vec4<f32>(${lowest}), ${score(name, `visible${name}`)}, ${counts});`,
      ];
    });
    return [
      ...read,
      "if (sees_all) {",
      ...halves.map(({ name }) => `  scores${name} = ${score(name, "vec4<f32>(1.0f)")};`),
      "} else {",
      ...indent(masked),
      "}",
      `let highest4 = ${halves.map(({ name }) => `scores${name}`).reduce((left, right) => `max(${left}, ${right})`)};`,
      "var highest = max(max(highest4.x, highest4.y), max(highest4.z, highest4.w));",
      ...shuffles.map((distance) => `highest = max(highest, subgroupShuffleXor(highest, ${distance}u));`),
      "var scale = 1.0f;",
      "if (sum == 0.0f) {",
      "  // Nothing has counted yet.",
      "  largest = highest;",
      `} else if (highest > largest + ${slack}.0f) {`,
      "  scale = exp(largest - highest);",
      "  largest = highest;",
      "  atomicStore(&must_scale, 1u);",
      "}",
      "if (lane == 0u) { scales[row] = scale; }",
      "// What does not count is so low that its weight is zero, also where nothing has counted yet.",
      `let base = vec4<f32>(max(largest, 0.5f * ${lowest}));`,
      "var part = vec4<f32>();",
      ...eights.flatMap((eight) => [
        ...[0, 1].flatMap((half) => [
          `let weights${eight}_${half} = exp(scores${eight}_${half} - base);`,
          `part += weights${eight}_${half};`,
        ]),
        `tile[${this.#layout.weights.start}u + row * ${this.#layout.weights.line}u + lane + ${eight * this.#lanes}u] = pack_eight(vec4<f16>(weights${eight}_0), vec4<f16>(weights${eight}_1));`,
      ]),
      "var total = (part.x + part.y) + (part.z + part.w);",
      ...shuffles.map((distance) => `total += subgroupShuffleXor(total, ${distance}u);`),
      "sum = sum * scale + total;",
    ];
  }

  #contextPlace(index: number): string {
    return `${this.#layout.rows.start}u + row_part * ${this.#layout.rows.line}u + (share * ${this.#held.length}u + ${index}u) * 4u`;
  }

  /** The weighted sum scaled to the new maxima of its rows. */
  #scaleContext(): string[] {
    const vectors = this.#layout.width / 4;
    return [
      ...this.#held.map((index) => storeFragment(this.#contextPlace(index), `context${index}`, this.#layout.rows.line)),
      "workgroupBarrier();",
      "if (local_index == 0u) { atomicStore(&must_scale, 0u); }",
      `for (var index = local_index; index < ${this.#tile.queries * vectors}u; index += ${this.#invocations}u) {`,
      `  let place = ${this.#layout.rows.start}u + index / ${vectors}u * ${this.#layout.rows.line}u + index % ${vectors}u;`,
      `  tile[place] = bitcast<vec4<u32>>(bitcast<vec4<f32>>(tile[place]) * scales[index / ${vectors}u]);`,
      "}",
      "workgroupBarrier();",
      ...this.#held.map((index) => {
        const load = `subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>`;
        return `context${index} = ${load}(&tile, ${this.#contextPlace(index)}, ${this.#layout.rows.line}u);`;
      }),
      "// The next tile's scores come where this was.",
      "workgroupBarrier();",
    ];
  }

  #multiplyValues(): string[] {
    return Array.from({ length: this.#tile.keys / fragment }, (_, part) => {
      const place = `${this.#layout.weights.start}u + row_part * ${this.#layout.weights.line}u + ${part * 2}u`;
      return [
        "{",
        `  let weights = ${loadFragment("left", "row_major", place, this.#layout.weights.line)};`,
        ...this.#held.map((index) => {
          const column = `(share * ${this.#held.length}u + ${index}u) * 2u`;
          const value = loadFragment(
            "right",
            "row_major",
            `${this.#layout.value.start + part * fragment * this.#layout.value.line}u + ${column}`,
            this.#layout.value.line,
          );
          return `  context${index} = subgroupMatrixMultiplyAccumulate(weights, ${value}, context${index});`;
        }),
        "}",
      ];
    }).flat();
  }

  /** The context divided by the sum of its weights: at least 1, for the largest term is e⁰, unless no key counts. */
  #conclude(): string[] {
    const vectors = Math.ceil(this.#parts.width / 4);
    return [
      "workgroupBarrier();",
      ...this.#held.map((index) => storeFragment(this.#contextPlace(index), `context${index}`, this.#layout.rows.line)),
      "if (lane == 0u) { scales[row] = max(sum, 1.0f); }",
      "workgroupBarrier();",
      `for (var index = local_index; index < ${this.#tile.queries * vectors}u; index += ${this.#invocations}u) {`,
      `  let line = index / ${vectors}u;`,
      `  let column = index % ${vectors}u * 4u;`,
      "  let position = first_query + line;",
      `  if (position < ${extentText(this.#parts.queries)}) {`,
      `    let place = ${this.#layout.rows.start}u + line * ${this.#layout.rows.line}u + column / 4u;`,
      "    let result = bitcast<vec4<f32>>(tile[place]) / scales[line];",
      `    ${this.#parts.storeContext("position", "column", "result")}`,
      "  }",
      "}",
    ];
  }
}
