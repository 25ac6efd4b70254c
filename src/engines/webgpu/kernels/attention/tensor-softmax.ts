/**
 * The online softmax between the two products of attention in tensor cores. One lane or a few neighbours read a row of
 * scores from workgroup memory, and store its weights there.
 *
 * Weights are relative to a reference maximum, which is raised to the row's only when that is larger by more than `slack`:
 * then `must_scale` requests that the weighted sum be scaled by `scales`. Weights are at most e^slack, well within float16,
 * and the result is the same.
 *
 * Must stay true: a row's maximum, and the sum of its weights, are the same in all lanes of the row.
 */
import { indent } from "../../wgsl/declarations.ts";
import { lowest } from "../../wgsl/expressions.ts";
import { extentText } from "../../wgsl/storage.ts";
import { declarePackVec8 } from "../fragments.ts";
import type { AttentionOperands } from "./operands.ts";
import { type AttentionLayout, lanesOf, type TensorAttentionTile } from "./tensor-tiles.ts";

/** How far a score may exceed the reference maximum: e^8 is 2,981. */
const slack = 8;

/** Names of workgroup variables. */
export interface SoftmaxMemory {
  readonly tile: string;
  readonly scales: string;
  readonly mustScale: string;
}

export class TensorSoftmax {
  readonly #operands: AttentionOperands;
  readonly #memory: SoftmaxMemory;
  readonly #tile: TensorAttentionTile;
  readonly #layout: AttentionLayout;
  /** Lanes per row of scores. */
  readonly #lanes: number;

  constructor(operands: AttentionOperands, memory: SoftmaxMemory, tile: TensorAttentionTile, layout: AttentionLayout) {
    this.#operands = operands;
    this.#memory = memory;
    this.#tile = tile;
    this.#layout = layout;
    this.#lanes = lanesOf(tile);
  }

  /** Indices of a lane's vectors of eight weights. */
  get #vec8s(): number[] {
    return Array.from({ length: this.#tile.keys / 8 / this.#lanes }, (_, index) => index);
  }

  start(): string[] {
    return [
      "// The row of scores of the lane, or of a few neighbours.",
      `let row = local_index / ${this.#lanes}u;`,
      `let lane = local_index % ${this.#lanes}u;`,
      `let query = min(first_query + row, ${extentText(this.#operands.queries)} - 1u);`,
    ];
  }

  /** Stores a row's weights into workgroup memory, again after they were overwritten. */
  storeWeights(): string[] {
    return this.#vec8s.map((vec8) => this.#storeVec8(vec8));
  }

  #storeVec8(vec8: number): string {
    const { start, stride } = this.#layout.weights;
    return `${this.#memory.tile}[${start}u + row * ${stride}u + lane + ${vec8 * this.#lanes}u] = packed${vec8};`;
  }

  /** Computes the weights of a tile of keys. The lanes of a row take eight scores at a time, interleaved. */
  weigh(): string[] {
    const shuffles = Array.from({ length: Math.log2(this.#lanes) }, (_, power) => 2 ** power);
    const halves = this.#vec8s.flatMap((vec8) => [0, 1].map((half) => ({ vec8, half, name: `${vec8}_${half}` })));
    const score = (name: string, visible: string): string =>
      this.#operands.score("query", `known_key${name}`, `products${name}`, visible);
    const read = halves.flatMap(({ vec8, half, name }) => {
      const unit = `(lane + ${vec8 * this.#lanes}u) * 2u + ${half}u`;
      return [
        `let products${name} = bitcast<vec4<f32>>(${this.#memory.tile}[${this.#layout.rows.start}u + row * ${this.#layout.rows.stride}u + ${unit}]);`,
        `let key${name} = key0 + (${unit}) * 4u;`,
        // Coordinates beyond the last key are clamped to it; the scores computed there are masked.
        `let known_key${name} = min(key${name}, (key_end - 1u) & ~3u);`,
        `var scores${name}: vec4<f32>;`,
      ];
    });
    const masked = halves.flatMap(({ name }) => {
      const counts = this.#operands.counts(`key${name}`, `visible${name}`);
      return [
        `let visible${name} = ${this.#operands.visibility("query", `known_key${name}`)};`,
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
      "  // All keys were masked so far.",
      "  largest = highest;",
      `} else if (highest > largest + ${slack}.0f) {`,
      "  scale = exp(largest - highest);",
      "  largest = highest;",
      `  atomicStore(&${this.#memory.mustScale}, 1u);`,
      "}",
      `if (lane == 0u) { ${this.#memory.scales}[row] = scale; }`,
      "// Masked scores have weight zero, even where all keys were masked so far.",
      `let base = vec4<f32>(max(largest, 0.5f * ${lowest}));`,
      "var part = vec4<f32>();",
      ...this.#vec8s.flatMap((vec8) => [
        ...[0, 1].flatMap((half) => [
          `let weights${vec8}_${half} = exp(scores${vec8}_${half} - base);`,
          `part += weights${vec8}_${half};`,
        ]),
        `let packed${vec8} = ${declarePackVec8(this.#operands.declarations)}(vec4<f16>(weights${vec8}_0), vec4<f16>(weights${vec8}_1));`,
        this.#storeVec8(vec8),
      ]),
      "var total = (part.x + part.y) + (part.z + part.w);",
      ...shuffles.map((distance) => `total += subgroupShuffleXor(total, ${distance}u);`),
      "sum = sum * scale + total;",
    ];
  }
}
