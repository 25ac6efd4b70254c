/**
 * What every kernel of attention has in common, however it multiplies: where queries, keys and values come from, what the
 * products become, which of them count, and where the keys that a tile of queries may see begin and end.
 */

import type { Extent, Value } from "../../../../program/program.ts";
import { transposed, viewedTensor } from "../../../../program/views.ts";
import { sequenceIds } from "../../../../rewrites/pack-sequences.ts";
import type { Attention } from "../../../../schedule/schedule.ts";
import type { KernelBindings } from "../../wgsl/bindings.ts";
import { at, type Coordinates, delinearize, linear } from "../../wgsl/coordinates.ts";
import { Block, broadcastCoordinates, type Given, maskTail, vectorIndex } from "../../wgsl/expressions.ts";
import { indent } from "../../wgsl/kernel-source.ts";
import { extentText, storeVector } from "../../wgsl/storage.ts";
import { unitLoader } from "../fragments.ts";

export class AttentionParts {
  readonly attention: Attention;
  readonly bindings: KernelBindings;
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
  /** Elements of a query or key, and of a value. */
  readonly depth: number;
  readonly width: number;
  readonly queries: Extent;
  readonly keys: Extent;

  constructor(attention: Attention, bindings: KernelBindings) {
    const [products, context] = [attention.products.operation, attention.context.operation];
    if (products.kind !== "matmul" || context.kind !== "matmul") throw new RangeError("attention is made of matmuls");
    this.attention = attention;
    this.bindings = bindings;
    this.query = products.left;
    this.key = transposed(products.right);
    this.value = context.right;
    this.depth = Number(this.query.shape.at(-1));
    this.width = Number(this.value.shape.at(-1));
    [this.queries, this.keys] = attention.products.shape.slice(-2) as [Extent, Extent];
  }

  /** All axes but queries and keys, by the name `head`. */
  get leading(): Coordinates {
    return delinearize(at("head"), this.attention.products.shape.slice(0, -2));
  }

  /** `load_query`, `load_key`, `load_value`: four elements; zero beyond their end. */
  loads(): string[] {
    return [
      this.#load("query", this.query, "f32", this.depth),
      this.#load("key", this.key, "f32", this.depth),
      this.#load("value", this.value, "f32", this.width),
    ];
  }

  /**
   * `load_query_unit`, `load_key_unit`, `load_value_unit`: eight elements in float16; zero beyond their end.
   * @param depth how many columns of a query or key are asked for, and of a value
   * @param width if they are more than there are.
   */
  unitLoads(depth: number, width: number): readonly string[] {
    return [
      ...this.#loadUnit("query", this.query, depth),
      ...this.#loadUnit("key", this.key, depth),
      ...this.#loadUnit("value", this.value, width),
    ];
  }

  #loadUnit(name: string, value: Value, columns: number): readonly string[] {
    const block = new Block(this.bindings);
    const eight = block.eights(value, [...this.leading, at("position"), at("column", 8)]);
    const last = Number(value.shape.at(-1));
    const guard = columns > last ? [`  if (column >= ${last}u) { return vec4<u32>(); }`] : [];
    return unitLoader(`load_${name}`, ["head", "position", "column"], { guard, block, eight }, () =>
      this.#load(name, value, "f16", columns),
    );
  }

  #load(name: string, value: Value, type: "f32" | "f16", columns: number): string {
    const block = new Block(this.bindings);
    const coordinates = [...this.leading, at("position"), at("column", 4)];
    const last = value.shape.at(-1) as Extent;
    // Padding of rows is zero in memory.
    const four =
      type === "f16"
        ? block.halves(value, coordinates)
        : maskTail(block.vector(value, coordinates), "column", last, "0.0f");
    return [
      `fn load_${name}(head: u32, position: u32, column: u32) -> vec4<${type}> {`,
      ...(columns > Number(last) ? [`  if (column >= ${extentText(last)}) { return vec4<${type}>(); }`] : []),
      ...indent(block.lines),
      `  return ${four};`,
      "}",
    ].join("\n");
  }

  /** `visibility`, which of four keys a query may see, 1 or 0, and `score`, the scores of four keys by their products. */
  scores(): string {
    const { products, scores, mask } = this.attention;
    const coordinates = [...this.leading, at("query"), at("key", 4)];
    const seeing = new Block(this.bindings);
    const visible = mask && seeing.vector(mask, broadcastCoordinates(mask, coordinates));
    const given = new Map<Value, Given>([[products, { vector: "products" }]]);
    if (mask) given.set(mask, { vector: "visible" });
    const block = new Block(this.bindings, given);
    const score = block.vector(scores, coordinates);
    return [
      "fn visibility(head: u32, query: u32, key: u32) -> vec4<f32> {",
      ...indent(seeing.lines),
      `  return ${visible ?? "vec4<f32>(1.0f)"};`,
      "}",
      "fn score(head: u32, query: u32, key: u32, products: vec4<f32>, visible: vec4<f32>) -> vec4<f32> {",
      ...indent(block.lines),
      `  return ${score};`,
      "}",
    ].join("\n");
  }

  /** Which of the four keys from `key` on count: those that are there and visible. */
  counts(key: string, visible: string): string {
    return `(${visible} != vec4<f32>()) & (vec4<u32>(${key}) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(key_end))`;
  }

  /**
   * `first_key` and `key_end` of a tile of queries.
   * @param visitsAll whether all keys are visited, also those that no query of the tile may see.
   */
  keyRange(tileQueries: number, visitsAll: boolean): string[] {
    const ids = visitsAll ? undefined : this.#ownSequenceIds();
    const range =
      ids === undefined
        ? ["let first_key = 0u;"]
        : [
            "// A sequence's id is the index of its first token, and ids never fall: the keys are those of the tile's sequences.",
            `let first_id = ${ids}[min(first_query, ${extentText(this.queries)} - 1u)];`,
            "let first_key = u32(first_id) & ~3u;",
            `let last_id = ${ids}[min(first_query + ${tileQueries - 1}u, ${extentText(this.queries)} - 1u)];`,
          ];
    return [...range, `let key_end = ${extentText(this.keys)};`];
  }

  /**
   * `first_seen` and `last_seen`, the sequences of the first and the last key of the tile that begins at a key, declared or
   * assigned anew.
   */
  lookAhead(declare: boolean, key: string, tileKeys: number): string[] {
    const ids = this.#ownSequenceIds();
    if (ids === undefined) return [];
    const id = (at: string): string => `${ids}[min(${at}, key_end - 1u)]`;
    return [
      `${declare ? "var " : ""}first_seen = ${id(key)};`,
      `${declare ? "var " : ""}last_seen = ${id(`${key} + ${tileKeys - 1}u`)};`,
    ];
  }

  /** Whether the tile at `key0`, which was looked ahead at, is still to be visited. */
  get isStillWithinKeys(): string {
    return this.#ownSequenceIds() === undefined ? "key0 < key_end" : "key0 < key_end && first_seen <= last_id";
  }

  /** Whether all queries of a tile may see all keys of the tile at `key0`, which was looked ahead at. */
  seesAll(tileKeys: number): string {
    const isWithin = `key0 + ${tileKeys}u <= key_end`;
    const ids = this.#ownSequenceIds();
    if (ids === undefined) return this.attention.mask ? "false" : isWithin;
    return `${isWithin} && first_seen == last_id && last_seen == last_id && first_id == last_id`;
  }

  /** The statement that stores four elements of the context of a query. */
  storeContext(query: string, column: string, vector: string): string {
    const { context } = this.attention;
    const { name, type } = this.bindings.write(context);
    const index = linear([...this.leading, at(query)], context.shape.slice(0, -1));
    const place = vectorIndex(index, context, at(`(${column})`, 4));
    return storeVector(name, place, maskTail(vector, column, context.shape.at(-1) as Extent, "0.0f"), type);
  }

  /** The name of the tensor that says which sequence a token belongs to, if the mask is of that kind. */
  #ownSequenceIds(): string | undefined {
    const operation = this.attention.mask?.operation;
    if (operation?.kind !== "elementwise" || operation.function !== "equal") return undefined;
    const [left, right] = operation.operands.map(viewedTensor);
    const isIds = left === right && left?.operation.kind === "input" && left.operation.name === sequenceIds;
    return left && isIds ? this.bindings.read(left).name : undefined;
  }
}
