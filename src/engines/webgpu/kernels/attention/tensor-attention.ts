/**
 * Attention in tensor cores: as `register-attention.ts`, but both products are computed in fragments.
 *
 * A workgroup loops over the keys for a tile of queries of one head. A subgroup has one or two fragments of the queries;
 * several subgroups of the same queries divide the keys of the first product and the columns of the second. In between, the
 * scores become weights in workgroup memory (`tensor-softmax.ts`).
 *
 * Fragments cannot be scaled row by row, so the weighted sum is scaled through workgroup memory, and only when a maximum has
 * grown much, which is rare after the first tile of keys.
 *
 * Must stay true: control flow around fragments and barriers is the same for all invocations of a workgroup.
 */
import { bytesOf, indent } from "../../wgsl/declarations.ts";
import { lowest } from "../../wgsl/expressions.ts";
import { assemble, type KernelSource } from "../../wgsl/kernel-source.ts";
import { extentText } from "../../wgsl/storage.ts";
import { type LoadSlot, loadSlots } from "../cooperative-load.ts";
import type { EmitRequest, KernelFamily } from "../family.ts";
import {
  declarePackVec8,
  fragment,
  loadFragment,
  multiplyAccumulate,
  storeFragment,
  subgroupSize,
  tensorExtensions,
} from "../fragments.ts";
import { type AttentionOperand, AttentionOperands } from "./operands.ts";
import { type AttentionProblem, attentionProblem } from "./problem.ts";
import { type SoftmaxMemory, TensorSoftmax } from "./tensor-softmax.ts";
import {
  type AttentionLayout,
  layoutOf,
  type Region,
  type TensorAttentionTile,
  tensorAttentionThreadsOf,
  tensorAttentionTiling,
  tensorAttentionVariables,
} from "./tensor-tiles.ts";

/** Accepts kernels that store only the context, in float16. */
export const tensorAttention: KernelFamily<AttentionProblem, TensorAttentionTile> = {
  name: "tensor-attention",
  accepts: ({ template, stores }, { limits, placement }) => {
    if (template.kind !== "attention" || limits.tensorCores !== true) return undefined;
    const { context } = template.attention;
    const isOurs = stores.every((value) => value === context && placement.typeOf(value) === "f16");
    return isOurs ? attentionProblem(template.attention) : undefined;
  },
  emit: (request, tile) => new TensorAttention(request, tile).emit(),
  ...tensorAttentionTiling,
};

/** The tile of an operand that a workgroup loads. */
interface OperandTile {
  readonly rows: number;
  readonly elements: number;
}

/** A fragment of the context. */
interface StagedFragment {
  readonly name: string;
  /** The stage in which it goes through workgroup memory, and its place there. */
  readonly stage: number;
  readonly place: string;
}

class TensorAttention {
  readonly #operands: AttentionOperands;
  readonly #tile: TensorAttentionTile;
  readonly #layout: AttentionLayout;
  readonly #softmax: TensorSoftmax;
  readonly #threads: number;
  readonly #memory: SoftmaxMemory;

  constructor(request: EmitRequest, tile: TensorAttentionTile) {
    this.#operands = new AttentionOperands(request);
    this.#tile = tile;
    this.#layout = layoutOf(tile, this.#operands);
    this.#threads = tensorAttentionThreadsOf(tile);
    const [name = "", scales = "", mustScale = ""] = tensorAttentionVariables(tile, this.#operands).map((variable) =>
      request.declarations.workgroup(variable),
    );
    this.#memory = { tile: name, scales, mustScale };
    this.#softmax = new TensorSoftmax(this.#operands, this.#memory, tile, this.#layout);
  }

  emit(): KernelSource {
    const { bindings, declarations } = this.#operands;
    declarePackVec8(declarations);
    this.#operands.declareVec8Loads(this.#layout);
    this.#operands.declareScores();
    const body = [...this.#start(), ...this.#visitKeys(), ...this.#storeContext()];
    const workgroupMemory = bytesOf(tensorAttentionVariables(this.#tile, this.#operands));
    const parts = { extensions: tensorExtensions, declarations, workgroupSize: this.#threads, workgroupMemory, body };
    return { ...assemble(bindings, parts), ...this.#operands.grid(this.#tile.queries) };
  }

  /** Indices of a subgroup's fragments of the context in each row of fragments. */
  get #held(): number[] {
    const count = this.#layout.valueSize / fragment / this.#tile.subgroupsPerQueryTile;
    return Array.from({ length: count }, (_, index) => index);
  }

  /** Indices of a subgroup's rows of fragments. */
  get #rows(): number[] {
    return Array.from({ length: this.#tile.subgroupQueries / fragment }, (_, index) => index);
  }

  /** A subgroup's fragments of the context. */
  get #contexts(): readonly StagedFragment[] {
    const { start, stride } = this.#layout.rows;
    const perStage = this.#layout.staged / fragment / this.#tile.subgroupsPerQueryTile;
    return this.#rows.flatMap((i) =>
      this.#held.map((index) => {
        const column = `(subgroup_part * ${perStage}u + ${index % perStage}u) * 4u`;
        const place = `${start}u + ${this.#fragmentRow(i)} * ${stride}u + ${column}`;
        return { name: `context${i}_${index}`, stage: Math.floor(index / perStage), place };
      }),
    );
  }

  /** The stages in which the context goes through workgroup memory. */
  get #stages(): number[] {
    return Array.from({ length: Math.ceil(this.#layout.valueSize / this.#layout.staged) }, (_, stage) => stage);
  }

  #contextsOf(stage: number): readonly StagedFragment[] {
    return this.#contexts.filter((context) => context.stage === stage);
  }

  #storeContexts(stage: number): string[] {
    return this.#contextsOf(stage).map(({ name, place }) =>
      storeFragment(this.#memory.tile, place, name, this.#layout.rows.stride),
    );
  }

  /** The first query of a row of fragments in the tile, as WGSL. */
  #fragmentRow(i: number): string {
    return i === 0 ? "row_part" : `(row_part + ${i * fragment}u)`;
  }

  #start(): string[] {
    const { queries } = this.#tile;
    const queryCount = extentText(this.#operands.queries);
    const { start } = this.#layout.rows;
    const query = { rows: queries, elements: this.#layout.headSize };
    return [
      "let head = group.y;",
      `let first_query = group.x * ${queries}u;`,
      `let subgroup = local_index / ${subgroupSize}u;`,
      `let row_part = subgroup / ${this.#tile.subgroupsPerQueryTile}u * ${this.#tile.subgroupQueries}u;`,
      `let subgroup_part = subgroup % ${this.#tile.subgroupsPerQueryTile}u;`,
      ...this.#operands.keyRange(queries, false),
      ...this.#softmax.start(),
      ...this.#declare("query", query),
      ...this.#declare("key", this.#keys),
      ...this.#declare("value", this.#values),
      ...this.#loadFromGlobal("query", query, (row) => `min(first_query + ${row}, ${queryCount} - 1u)`),
      ...this.#loadKeys("first_key"),
      `if (local_index == 0u) { atomicStore(&${this.#memory.mustScale}, 0u); }`,
      ...this.#storeToShared("query", query, { start, stride: this.#layout.key.stride }),
      ...this.#storeToShared("key", this.#keys, this.#layout.key),
      ...this.#loadValues("first_key"),
      ...this.#loadKeys(`(first_key + ${this.#tile.keys}u)`),
      "workgroupBarrier();",
      ...this.#rows.flatMap((i) =>
        Array.from({ length: this.#layout.headSize / fragment }, (_, index) => {
          const place = `${start}u + ${this.#fragmentRow(i)} * ${this.#layout.key.stride}u + ${index * 2}u`;
          return `let query${i}_${index} = ${loadFragment(this.#memory.tile, "left", "row_major", place, this.#layout.key.stride)};`;
        }),
      ),
      "// Scores overwrite the queries.",
      "workgroupBarrier();",
      ...this.#contexts.map(({ name }) => `var ${name}: subgroup_matrix_result<f32, 16, 16>;`),
      `var largest = ${lowest};`,
      "var sum = 0.0f;",
    ];
  }

  get #keys(): OperandTile {
    return { rows: this.#tile.keys, elements: this.#layout.headSize };
  }

  get #values(): OperandTile {
    return { rows: this.#tile.keys, elements: this.#layout.valueSize };
  }

  /** Loads the tile of keys from `first` on; beyond the last key, copies of it. */
  #loadKeys(first: string): string[] {
    return this.#loadFromGlobal("key", this.#keys, (row) => `min(${first} + ${row}, key_end - 1u)`);
  }

  #loadValues(first: string): string[] {
    return this.#loadFromGlobal("value", this.#values, (row) => `min(${first} + ${row}, key_end - 1u)`);
  }

  /** Loads an invocation's vectors of eight elements of an operand into registers. */
  #loadFromGlobal(name: AttentionOperand, operand: OperandTile, position: (row: string) => string): string[] {
    const load = this.#operands.declarations.nameOf(`load_${name}_vec8`);
    return this.#slots(operand).map(({ index, row, vector }) => {
      return `${name}_unit${index} = ${load}(head, ${position(row)}, ${vector} * 8u);`;
    });
  }

  #storeToShared(name: AttentionOperand, operand: OperandTile, region: Region): string[] {
    return this.#slots(operand).map(({ index, row, vector, isInside }) => {
      const place = `${region.start}u + ${row} * ${region.stride}u + ${vector}`;
      const statement = `${this.#memory.tile}[${place}] = ${name}_unit${index};`;
      return isInside === undefined ? statement : `if (${isInside}) { ${statement} }`;
    });
  }

  #declare(name: AttentionOperand, operand: OperandTile): string[] {
    return this.#slots(operand).map(({ index }) => `var ${name}_unit${index}: vec4<u32>;`);
  }

  #slots({ rows, elements }: OperandTile): readonly LoadSlot[] {
    return loadSlots(rows, elements / 8, this.#threads);
  }

  /**
   * Three barriers per tile, and one more where weights overwrite scores. Between the first, after which no key is read, and
   * the second, before which no value is read, this tile's values and the next tile's keys are stored, which were loaded
   * during the previous tile.
   */
  #visitKeys(): string[] {
    const { keys } = this.#tile;
    return [
      ...this.#operands.prefetchSequences(true, "first_key", keys),
      `for (var key0 = first_key; ${this.#operands.isWithinKeys}; key0 += ${keys}u) {`,
      ...indent([
        ...this.#multiplyKeys(),
        "workgroupBarrier();",
        ...this.#storeToShared("value", this.#values, this.#layout.value),
        ...this.#storeToShared("key", this.#keys, this.#layout.key),
        `let sees_all = ${this.#operands.seesAll(this.#tile.queries, keys)};`,
        "// The next loads are in flight while this tile is computed.",
        ...this.#operands.prefetchSequences(false, `key0 + ${keys}u`, keys),
        ...this.#loadValues(`(key0 + ${keys}u)`),
        ...this.#loadKeys(`(key0 + ${2 * keys}u)`),
        ...this.#softmax.weigh(),
        `if (workgroupUniformLoad(&${this.#memory.mustScale}) != 0u) {`,
        ...indent(this.#scaleContext()),
        "}",
        ...this.#multiplyValues(),
        ...(this.#layout.ownsRows ? ["// The next tile's scores overwrite the weights.", "workgroupBarrier();"] : []),
      ]),
      "}",
    ];
  }

  #multiplyKeys(): string[] {
    const { key, rows, headSize } = this.#layout;
    const count = this.#tile.keys / fragment / this.#tile.subgroupsPerQueryTile;
    return Array.from({ length: count }, (_, index) => {
      const column = `(subgroup_part * ${count}u + ${index}u)`;
      return [
        "{",
        ...this.#rows.map((i) => `  var products${i} = subgroup_matrix_result<f32, 16, 16>();`),
        ...Array.from({ length: headSize / fragment }, (__, part) => {
          const place = `${key.start}u + ${column} * ${fragment * key.stride}u + ${part * 2}u`;
          return [
            `  let key${part} = ${loadFragment(this.#memory.tile, "right", "col_major", place, key.stride)};`,
            ...this.#rows.map((i) => `  ${multiplyAccumulate(`query${i}_${part}`, `key${part}`, `products${i}`)}`),
          ];
        }).flat(),
        ...this.#rows.map((i) => {
          const place = `${rows.start}u + ${this.#fragmentRow(i)} * ${rows.stride}u + ${column} * 4u`;
          return `  ${storeFragment(this.#memory.tile, place, `products${i}`, rows.stride)}`;
        }),
        "}",
      ];
    }).flat();
  }

  /** Scales the weighted sum to the new maxima of its rows. */
  #scaleContext(): string[] {
    const { rows, staged, ownsRows } = this.#layout;
    const vectors = staged / 4;
    const load = "subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>";
    return [
      ...this.#stages.flatMap((stage) => [
        ...this.#storeContexts(stage),
        "workgroupBarrier();",
        ...(stage === 0 ? [`if (local_index == 0u) { atomicStore(&${this.#memory.mustScale}, 0u); }`] : []),
        `for (var index = local_index; index < ${this.#tile.queries * vectors}u; index += ${this.#threads}u) {`,
        `  let place = ${rows.start}u + index / ${vectors}u * ${rows.stride}u + index % ${vectors}u;`,
        `  ${this.#memory.tile}[place] = bitcast<vec4<u32>>(bitcast<vec4<f32>>(${this.#memory.tile}[place]) * ${this.#memory.scales}[index / ${vectors}u]);`,
        "}",
        "workgroupBarrier();",
        ...this.#contextsOf(stage).map(
          ({ name, place }) => `${name} = ${load}(&${this.#memory.tile}, ${place}, ${rows.stride}u);`,
        ),
        "// The next stage overwrites this one.",
        "workgroupBarrier();",
      ]),
      ...(ownsRows ? [...this.#softmax.storeWeights(), "workgroupBarrier();"] : []),
    ];
  }

  #multiplyValues(): string[] {
    const { weights, value } = this.#layout;
    return Array.from({ length: this.#tile.keys / fragment }, (_, part) => [
      "{",
      ...this.#rows.map((i) => {
        const place = `${weights.start}u + ${this.#fragmentRow(i)} * ${weights.stride}u + ${part * 2}u`;
        return `  let weights${i} = ${loadFragment(this.#memory.tile, "left", "row_major", place, weights.stride)};`;
      }),
      ...this.#held.flatMap((index) => {
        const column = `(subgroup_part * ${this.#held.length}u + ${index}u) * 2u`;
        const place = `${value.start + part * fragment * value.stride}u + ${column}`;
        return [
          `  let value${index} = ${loadFragment(this.#memory.tile, "right", "row_major", place, value.stride)};`,
          ...this.#rows.map((i) => `  ${multiplyAccumulate(`weights${i}`, `value${index}`, `context${i}_${index}`)}`),
        ];
      }),
      "}",
    ]).flat();
  }

  /** Stores the context divided by the sum of its weights, which is at least 1 (the term e⁰) unless all keys are masked. */
  #storeContext(): string[] {
    const { rows, staged } = this.#layout;
    return this.#stages.flatMap((stage) => {
      const first = stage * staged;
      const vectors = Math.ceil((Math.min(this.#operands.valueSize, first + staged) - first) / 4);
      return [
        "workgroupBarrier();",
        ...this.#storeContexts(stage),
        ...(stage === 0 ? [`if (lane == 0u) { ${this.#memory.scales}[row] = max(sum, 1.0f); }`] : []),
        "workgroupBarrier();",
        `for (var index = local_index; index < ${this.#tile.queries * vectors}u; index += ${this.#threads}u) {`,
        `  let tile_query = index / ${vectors}u;`,
        `  let vector = index % ${vectors}u;`,
        "  let position = first_query + tile_query;",
        `  if (position < ${extentText(this.#operands.queries)}) {`,
        `    let result = bitcast<vec4<f32>>(${this.#memory.tile}[${rows.start}u + tile_query * ${rows.stride}u + vector]) / ${this.#memory.scales}[tile_query];`,
        `    ${this.#operands.storeContext("position", `(vector * 4u + ${first}u)`, "result")}`,
        "  }",
        "}",
      ];
    });
  }
}
