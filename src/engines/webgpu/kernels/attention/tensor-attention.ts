/**
 * The kernel of attention in tensor cores: as `attention.ts`, but both products are made of fragments.
 *
 * A workgroup takes a tile of queries of one head through the keys. A subgroup has one or two fragments of the queries, and may
 * share them with others that have other keys of the first product and other columns of the second. Between the two the
 * scores go through workgroup memory and become weights (`tensor-softmax.ts`).
 *
 * Fragments cannot be scaled row by row, so the weighted sum is not scaled to every new maximum: only when one has grown
 * much, which after the first tile of keys is rare, it goes through workgroup memory to be scaled.
 *
 * Must stay true: control flow around fragments and barriers is the same for all invocations of a workgroup.
 */

import type { Value } from "../../../../program/program.ts";
import type { Attention, Kernel } from "../../../../schedule/schedule.ts";
import type { KernelBindings, TensorSource } from "../../wgsl/bindings.ts";
import { lowest } from "../../wgsl/expressions.ts";
import { assemble, gridOf, indent, type KernelSource } from "../../wgsl/kernel-source.ts";
import { extentText } from "../../wgsl/storage.ts";
import { type BroughtUnit, broughtUnits } from "../cooperative-load.ts";
import {
  fragment,
  loadFragment,
  multiplyAccumulate,
  packEight,
  storeFragment,
  subgroupSize,
  tensorExtensions,
} from "../fragments.ts";
import { AttentionParts } from "./attention-common.ts";
import { TensorSoftmax } from "./tensor-softmax.ts";
import {
  type AttentionLayout,
  layoutOf,
  type Region,
  type TensorAttentionTile,
  tensorAttentionInvocationsOf,
  tensorAttentionMemoryOf,
} from "./tensor-tiles.ts";

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

/** A fragment of the context. */
interface StagedFragment {
  readonly name: string;
  /** In which part of the context it is staged, and where. */
  readonly stage: number;
  readonly place: string;
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
  readonly #softmax: TensorSoftmax;
  readonly #invocations: number;

  constructor(parts: AttentionParts, tile: TensorAttentionTile) {
    this.#parts = parts;
    this.#tile = tile;
    this.#layout = layoutOf(tile, parts);
    this.#softmax = new TensorSoftmax(parts, tile, this.#layout);
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

  /** Fragments of the context that a subgroup holds of each row of fragments. */
  get #held(): number[] {
    return Array.from({ length: this.#layout.width / fragment / this.#tile.sharing }, (_, index) => index);
  }

  /** Rows of fragments that a subgroup has. */
  get #rows(): number[] {
    return Array.from({ length: this.#tile.own / fragment }, (_, index) => index);
  }

  /** The fragments of the context that a subgroup holds, and the columns that are staged with each. */
  get #contexts(): readonly StagedFragment[] {
    const { start, line } = this.#layout.rows;
    const together = this.#layout.staged / fragment / this.#tile.sharing;
    return this.#rows.flatMap((i) =>
      this.#held.map((index) => {
        const column = `(share * ${together}u + ${index % together}u) * 4u`;
        const place = `${start}u + ${this.#fragmentRow(i)} * ${line}u + ${column}`;
        return { name: `context${i}_${index}`, stage: Math.floor(index / together), place };
      }),
    );
  }

  /** In how many parts the context is staged. */
  get #stages(): number[] {
    return Array.from({ length: Math.ceil(this.#layout.width / this.#layout.staged) }, (_, stage) => stage);
  }

  #contextsOf(stage: number): readonly StagedFragment[] {
    return this.#contexts.filter((context) => context.stage === stage);
  }

  #storeContexts(stage: number): string[] {
    return this.#contextsOf(stage).map(({ name, place }) => storeFragment(place, name, this.#layout.rows.line));
  }

  /** Where a row of fragments begins among the workgroup's queries. */
  #fragmentRow(i: number): string {
    return i === 0 ? "row_part" : `(row_part + ${i * fragment}u)`;
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
      `let row_part = subgroup / ${this.#tile.sharing}u * ${this.#tile.own}u;`,
      `let share = subgroup % ${this.#tile.sharing}u;`,
      ...this.#parts.keyRange(queries, false),
      ...this.#softmax.start(),
      ...this.#declare("query", query),
      ...this.#declare("key", this.#keys),
      ...this.#declare("value", this.#values),
      ...this.#fetch("query", query, (line) => `min(first_query + ${line}, ${queryCount} - 1u)`),
      ...this.#fetchKeys("first_key"),
      "if (local_index == 0u) { atomicStore(&must_scale, 0u); }",
      ...this.#keep("query", query, { start, line: this.#layout.key.line }),
      ...this.#keep("key", this.#keys, this.#layout.key),
      ...this.#fetchValues("first_key"),
      ...this.#fetchKeys(`(first_key + ${this.#tile.keys}u)`),
      "workgroupBarrier();",
      ...this.#rows.flatMap((i) =>
        Array.from({ length: this.#layout.depth / fragment }, (_, index) => {
          const place = `${start}u + ${this.#fragmentRow(i)} * ${this.#layout.key.line}u + ${index * 2}u`;
          return `let query${i}_${index} = ${loadFragment("left", "row_major", place, this.#layout.key.line)};`;
        }),
      ),
      "// Scores come where the queries were.",
      "workgroupBarrier();",
      ...this.#contexts.map(({ name }) => `var ${name}: subgroup_matrix_result<f32, 16, 16>;`),
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
   * Three barriers a tile, and one more where weights are in the place of scores. Between the first, after which no key is
   * read any more, and the second, before which no value is read, come this tile's values and the next tile's keys, fetched
   * when the tile before was.
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
        ...this.#softmax.weigh(),
        "if (workgroupUniformLoad(&must_scale) != 0u) {",
        ...indent(this.#scaleContext()),
        "}",
        ...this.#multiplyValues(),
        ...(this.#layout.ownsRows
          ? ["// The next tile's scores come where the weights were.", "workgroupBarrier();"]
          : []),
      ]),
      "}",
    ];
  }

  #multiplyKeys(): string[] {
    const { key, rows, depth } = this.#layout;
    const count = this.#tile.keys / fragment / this.#tile.sharing;
    return Array.from({ length: count }, (_, index) => {
      const column = `(share * ${count}u + ${index}u)`;
      return [
        "{",
        ...this.#rows.map((i) => `  var products${i} = subgroup_matrix_result<f32, 16, 16>();`),
        ...Array.from({ length: depth / fragment }, (__, part) => {
          const place = `${key.start}u + ${column} * ${fragment * key.line}u + ${part * 2}u`;
          return [
            `  let key${part} = ${loadFragment("right", "col_major", place, key.line)};`,
            ...this.#rows.map((i) => `  ${multiplyAccumulate(`query${i}_${part}`, `key${part}`, `products${i}`)}`),
          ];
        }).flat(),
        ...this.#rows.map((i) => {
          const place = `${rows.start}u + ${this.#fragmentRow(i)} * ${rows.line}u + ${column} * 4u`;
          return `  ${storeFragment(place, `products${i}`, rows.line)}`;
        }),
        "}",
      ];
    }).flat();
  }

  /** The weighted sum scaled to the new maxima of its rows. */
  #scaleContext(): string[] {
    const { rows, staged, ownsRows } = this.#layout;
    const vectors = staged / 4;
    const load = "subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>";
    return [
      ...this.#stages.flatMap((stage) => [
        ...this.#storeContexts(stage),
        "workgroupBarrier();",
        ...(stage === 0 ? ["if (local_index == 0u) { atomicStore(&must_scale, 0u); }"] : []),
        `for (var index = local_index; index < ${this.#tile.queries * vectors}u; index += ${this.#invocations}u) {`,
        `  let place = ${rows.start}u + index / ${vectors}u * ${rows.line}u + index % ${vectors}u;`,
        `  tile[place] = bitcast<vec4<u32>>(bitcast<vec4<f32>>(tile[place]) * scales[index / ${vectors}u]);`,
        "}",
        "workgroupBarrier();",
        ...this.#contextsOf(stage).map(({ name, place }) => `${name} = ${load}(&tile, ${place}, ${rows.line}u);`),
        "// What comes next is where this was.",
        "workgroupBarrier();",
      ]),
      ...(ownsRows ? [...this.#softmax.keepWeights(), "workgroupBarrier();"] : []),
    ];
  }

  #multiplyValues(): string[] {
    const { weights, value } = this.#layout;
    return Array.from({ length: this.#tile.keys / fragment }, (_, part) => [
      "{",
      ...this.#rows.map((i) => {
        const place = `${weights.start}u + ${this.#fragmentRow(i)} * ${weights.line}u + ${part * 2}u`;
        return `  let weights${i} = ${loadFragment("left", "row_major", place, weights.line)};`;
      }),
      ...this.#held.flatMap((index) => {
        const column = `(share * ${this.#held.length}u + ${index}u) * 2u`;
        const place = `${value.start + part * fragment * value.line}u + ${column}`;
        return [
          `  let value${index} = ${loadFragment("right", "row_major", place, value.line)};`,
          ...this.#rows.map((i) => `  ${multiplyAccumulate(`weights${i}`, `value${index}`, `context${i}_${index}`)}`),
        ];
      }),
      "}",
    ]).flat();
  }

  /** The context divided by the sum of its weights: at least 1, for the largest term is e⁰, unless no key counts. */
  #conclude(): string[] {
    const { rows, staged } = this.#layout;
    return this.#stages.flatMap((stage) => {
      const first = stage * staged;
      const vectors = Math.ceil((Math.min(this.#parts.width, first + staged) - first) / 4);
      return [
        "workgroupBarrier();",
        ...this.#storeContexts(stage),
        ...(stage === 0 ? ["if (lane == 0u) { scales[row] = max(sum, 1.0f); }"] : []),
        "workgroupBarrier();",
        `for (var index = local_index; index < ${this.#tile.queries * vectors}u; index += ${this.#invocations}u) {`,
        `  let line = index / ${vectors}u;`,
        `  let vector = index % ${vectors}u;`,
        "  let position = first_query + line;",
        `  if (position < ${extentText(this.#parts.queries)}) {`,
        `    let result = bitcast<vec4<f32>>(tile[${rows.start}u + line * ${rows.line}u + vector]) / scales[line];`,
        `    ${this.#parts.storeContext("position", `(vector * 4u + ${first}u)`, "result")}`,
        "  }",
        "}",
      ];
    });
  }
}
