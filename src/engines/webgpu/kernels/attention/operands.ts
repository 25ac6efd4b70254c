/**
 * How attention kernels read their operands: the functions that load queries, keys and values, compute scores from products
 * and visibility from the mask, and the range of keys that a tile of queries may attend to.
 */
import type { Extent, Value } from "../../../../program/program.ts";
import { transposed } from "../../../../program/views.ts";
import type { Attention } from "../../../../schedule/schedule.ts";
import type { KernelBindings } from "../../wgsl/bindings.ts";
import { at, type Coordinates, delinearize, linear } from "../../wgsl/coordinates.ts";
import type { Declarations } from "../../wgsl/declarations.ts";
import { Block, broadcastCoordinates, type Given, maskTail, vectorIndex } from "../../wgsl/expressions.ts";
import { gridOf } from "../../wgsl/kernel-source.ts";
import { extentText, storeVector } from "../../wgsl/storage.ts";
import type { EmitRequest } from "../family.ts";
import { declareVec8Loader } from "../fragments.ts";
import { operandsOfMatmul } from "../matmul/problem.ts";
import { type MaskStructure, structureOf } from "./mask-structure.ts";
import { attentionProblem, type HeadSizes } from "./problem.ts";

export type AttentionOperand = "query" | "key" | "value";

export class AttentionOperands implements HeadSizes {
  readonly attention: Attention;
  readonly bindings: KernelBindings;
  readonly declarations: Declarations;
  readonly headSize: number;
  readonly valueSize: number;
  readonly queries: Extent;
  readonly keys: Extent;
  readonly #structure: MaskStructure;
  readonly #operands: Readonly<Record<AttentionOperand, Value>>;

  /** Binds the stored values. */
  constructor({ kernel, bindings, declarations }: EmitRequest) {
    const { template, stores } = kernel;
    if (template.kind !== "attention") throw new RangeError(`a kernel of ${template.kind} is no attention`);
    const { attention } = template;
    const products = operandsOfMatmul(attention.products);
    const { right: value } = operandsOfMatmul(attention.context);
    for (const stored of stores) bindings.write(stored);
    this.attention = attention;
    this.#structure = structureOf(attention.mask);
    this.bindings = bindings;
    this.declarations = declarations;
    this.#operands = { query: products.left, key: transposed(products.right), value };
    ({ headSize: this.headSize, valueSize: this.valueSize } = attentionProblem(attention));
    [this.queries, this.keys] = attention.products.shape.slice(-2) as [Extent, Extent];
  }

  /** One workgroup per tile of queries and head. */
  grid(tileQueries: number): ReturnType<typeof gridOf> {
    return gridOf(
      { extents: [this.queries], each: tileQueries },
      { extents: this.attention.products.shape.slice(0, -2), each: 1 },
      { extents: [], each: 1 },
    );
  }

  /** Coordinates of all axes but queries and keys, from the variable `head`. */
  get leading(): Coordinates {
    return delinearize(at("head"), this.attention.products.shape.slice(0, -2));
  }

  /** The function that loads four elements, zero beyond the last: `load_query`, `load_key` or `load_value`. */
  nameOfLoad(name: AttentionOperand): string {
    return this.declarations.nameOf(`load_${name}`);
  }

  declareLoads(): void {
    this.#declareLoad("query", "f32", this.headSize);
    this.#declareLoad("key", "f32", this.headSize);
    this.#declareLoad("value", "f32", this.valueSize);
  }

  /** Declares the functions that load eight float16, zero beyond the last: `load_query_vec8` and so on. @param sizes padded. */
  declareVec8Loads({ headSize, valueSize }: HeadSizes): void {
    this.#declareVec8Load("query", headSize);
    this.#declareVec8Load("key", headSize);
    this.#declareVec8Load("value", valueSize);
  }

  #declareVec8Load(name: AttentionOperand, columns: number): void {
    const value = this.#operands[name];
    const block = new Block(this.bindings);
    const vec8 = block.vec8(value, [...this.leading, at("position"), at("column", 8)]);
    const last = Number(value.shape.at(-1));
    declareVec8Loader(this.declarations, {
      name: `load_${name}`,
      parameters: ["head", "position", "column"],
      guard: columns > last ? [`if (column >= ${last}u) { return vec4<u32>(); }`] : [],
      block,
      vec8,
      declareVec4: () => this.#declareLoad(name, "f16", columns),
    });
  }

  #declareLoad(name: AttentionOperand, type: "f32" | "f16", columns: number): string {
    const value = this.#operands[name];
    const block = new Block(this.bindings);
    const coordinates = [...this.leading, at("position"), at("column", 4)];
    const last = value.shape.at(-1) as Extent;
    // Padding of rows is zero in memory.
    const four =
      type === "f16"
        ? block.f16(value, coordinates)
        : maskTail(block.vector(value, coordinates), "column", last, "0.0f");
    return this.declarations.function(`load_${name}`, `(head: u32, position: u32, column: u32) -> vec4<${type}>`, [
      ...(columns > Number(last) ? [`if (column >= ${extentText(last)}) { return vec4<${type}>(); }`] : []),
      ...block.lines,
      `return ${four};`,
    ]);
  }

  /** `visibility(head, query, key)`, as WGSL: 1 for each of four keys that a query may attend to, else 0. */
  visibility(query: string, key: string): string {
    return `${this.declarations.nameOf("visibility")}(head, ${query}, ${key})`;
  }

  /** `score(head, query, key, products, visible)`, as WGSL: the scores of four keys, from their products. */
  score(query: string, key: string, products: string, visible: string): string {
    return `${this.declarations.nameOf("score")}(head, ${query}, ${key}, ${products}, ${visible})`;
  }

  /** Declares `visibility` and `score`. */
  declareScores(): void {
    const { products, scores, mask } = this.attention;
    const coordinates = [...this.leading, at("query"), at("key", 4)];
    const masking = new Block(this.bindings);
    const visible = mask && masking.vector(mask, broadcastCoordinates(mask, coordinates));
    const given = new Map<Value, Given>([[products, { vector: "products" }]]);
    if (mask) given.set(mask, { vector: "visible" });
    const block = new Block(this.bindings, given);
    const score = block.vector(scores, coordinates);
    this.declarations.function("visibility", "(head: u32, query: u32, key: u32) -> vec4<f32>", [
      ...masking.lines,
      `return ${visible ?? "vec4<f32>(1.0f)"};`,
    ]);
    const parameters = "head: u32, query: u32, key: u32, products: vec4<f32>, visible: vec4<f32>";
    this.declarations.function("score", `(${parameters}) -> vec4<f32>`, [...block.lines, `return ${score};`]);
  }

  /** Which of the four keys from `key` on exist and are visible, as WGSL. */
  counts(key: string, visible: string): string {
    return `(${visible} != vec4<f32>()) & (vec4<u32>(${key}) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(key_end))`;
  }

  /** Declares `first_key` and `key_end` of a tile of queries. @param visitsAll whether masked keys are visited too. */
  keyRange(tileQueries: number, visitsAll: boolean): string[] {
    const ids = visitsAll ? undefined : this.#sequenceIds;
    const window = visitsAll ? undefined : this.#structure.window;
    const [queries, keys] = [extentText(this.queries), extentText(this.keys)];
    const firsts = [
      ...(ids === undefined ? [] : ["u32(first_id)"]),
      ...(window === undefined ? [] : [`(max(first_query, ${window}u) - ${window}u)`]),
    ];
    return [
      ...(ids === undefined
        ? []
        : [
            "// A sequence's id is the index of its first token, and ids never fall: the keys are those of the tile's sequences.",
            `let first_id = ${ids}[min(first_query, ${queries} - 1u)];`,
          ]),
      firsts.length === 0 ? "let first_key = 0u;" : `let first_key = ${nested("max", firsts)} & ~3u;`,
      ...(ids === undefined ? [] : [`let last_id = ${ids}[min(first_query + ${tileQueries - 1}u, ${queries} - 1u)];`]),
      window === undefined
        ? `let key_end = ${keys};`
        : `let key_end = min(${keys}, first_query + ${tileQueries + window}u);`,
    ];
  }

  /** Declares or assigns `first_seen` and `last_seen`, the sequences of the first and last key of the tile from `key` on. */
  prefetchSequences(declare: boolean, key: string, tileKeys: number): string[] {
    const ids = this.#sequenceIds;
    if (ids === undefined) return [];
    const id = (at: string): string => `${ids}[min(${at}, key_end - 1u)]`;
    return [
      `${declare ? "var " : ""}first_seen = ${id(key)};`,
      `${declare ? "var " : ""}last_seen = ${id(`${key} + ${tileKeys - 1}u`)};`,
    ];
  }

  /** Whether the tile at `key0`, whose sequences were prefetched, is within the key range. */
  get isWithinKeys(): string {
    return this.#sequenceIds === undefined ? "key0 < key_end" : "key0 < key_end && first_seen <= last_id";
  }

  /** Whether all queries of a tile may attend to all keys of the tile at `key0`, whose sequences were prefetched. */
  seesAll(tileQueries: number, tileKeys: number): string {
    const { window } = this.#structure;
    const isWithin = `key0 + ${tileKeys}u <= key_end`;
    if (this.#sequenceIds === undefined) return this.attention.mask ? "false" : isWithin;
    const isNear =
      window === undefined
        ? ""
        : ` && first_query + ${tileQueries - 1}u <= key0 + ${window}u && key0 + ${tileKeys - 1}u <= first_query + ${window}u`;
    return `${isWithin} && first_seen == last_id && last_seen == last_id && first_id == last_id${isNear}`;
  }

  /** The statement that stores four elements of the context of a query. */
  storeContext(query: string, column: string, vector: string): string {
    const { context } = this.attention;
    const { name, type } = this.bindings.write(context);
    const index = linear([...this.leading, at(query)], context.shape.slice(0, -1));
    const place = vectorIndex(index, context, at(`(${column})`, 4));
    return storeVector(name, place, maskTail(vector, column, context.shape.at(-1) as Extent, "0.0f"), type);
  }

  /** The name of the tensor of each token's sequence, if the mask compares sequences. */
  get #sequenceIds(): string | undefined {
    const { sequenceIds } = this.#structure;
    return sequenceIds && this.bindings.read(sequenceIds).name;
  }
}

const nested = (name: string, [first = "", ...rest]: readonly string[]): string =>
  rest.reduce((all, next) => `${name}(${all}, ${next})`, first);
