/**
 * The softmax between the two products of attention in tensor cores, online: a row of scores is one lane's or a few
 * neighbours'. They read it from workgroup memory, and put its weights there.
 *
 * Weights are relative to a maximum in use, which follows a row's own only when that has grown by more than `slack`: then
 * `must_scale` says that the weighted sum is to be scaled by `scales`. Weights are at most e^slack, far inside float16, and the
 * result is the same.
 *
 * Must stay true: a row's maximum, and the sum of its weights, are the same in all lanes that have it.
 */
import { lowest } from "../../wgsl/expressions.ts";
import { indent } from "../../wgsl/kernel-source.ts";
import { extentText } from "../../wgsl/storage.ts";
import { declarePackVec8 } from "../fragments.ts";
import type { AttentionOperands } from "./operands.ts";
import { type AttentionLayout, lanesOf, type TensorAttentionTile } from "./tensor-tiles.ts";

/** How far a score may lie above the maximum in use: e^8 is 2,981. */
const slack = 8;

/** The names of the workgroup variables that it uses. */
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
  /** That have a row of scores. */
  readonly #lanes: number;

  constructor(operands: AttentionOperands, memory: SoftmaxMemory, tile: TensorAttentionTile, layout: AttentionLayout) {
    this.#operands = operands;
    this.#memory = memory;
    this.#tile = tile;
    this.#layout = layout;
    this.#lanes = lanesOf(tile);
  }

  /** The units of eight weights that a lane has of its row. */
  get #vec8s(): number[] {
    return Array.from({ length: this.#tile.keys / 8 / this.#lanes }, (_, index) => index);
  }

  /** The row of scores that one lane or a few neighbours have. */
  start(): string[] {
    return [
      "// The row of scores that the lane has, or shares with its neighbours.",
      `let row = local_index / ${this.#lanes}u;`,
      `let lane = local_index % ${this.#lanes}u;`,
      `let query = min(first_query + row, ${extentText(this.#operands.queries)} - 1u);`,
    ];
  }

  /** Puts a row's weights into memory, once more if something else has taken their place. */
  storeWeights(): string[] {
    return this.#vec8s.map((eight) => this.#storeVec8(eight));
  }

  #storeVec8(eight: number): string {
    const { start, stride } = this.#layout.weights;
    return `${this.#memory.tile}[${start}u + row * ${stride}u + lane + ${eight * this.#lanes}u] = packed${eight};`;
  }

  /** The scores of a tile of keys become weights. The lanes of a row take turns at eight of its scores. */
  weigh(): string[] {
    const shuffles = Array.from({ length: Math.log2(this.#lanes) }, (_, power) => 2 ** power);
    const halves = this.#vec8s.flatMap((eight) => [0, 1].map((half) => ({ eight, half, name: `${eight}_${half}` })));
    const score = (name: string, visible: string): string =>
      this.#operands.score("query", `known_key${name}`, `products${name}`, visible);
    const read = halves.flatMap(({ eight, half, name }) => {
      const unit = `(lane + ${eight * this.#lanes}u) * 2u + ${half}u`;
      return [
        `let products${name} = bitcast<vec4<f32>>(${this.#memory.tile}[${this.#layout.rows.start}u + row * ${this.#layout.rows.stride}u + ${unit}]);`,
        `let key${name} = key0 + (${unit}) * 4u;`,
        // Coordinates past the end are those of the last key: what is computed there does not count.
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
      "  // Nothing has counted yet.",
      "  largest = highest;",
      `} else if (highest > largest + ${slack}.0f) {`,
      "  scale = exp(largest - highest);",
      "  largest = highest;",
      `  atomicStore(&${this.#memory.mustScale}, 1u);`,
      "}",
      `if (lane == 0u) { ${this.#memory.scales}[row] = scale; }`,
      "// What does not count is so low that its weight is zero, also where nothing has counted yet.",
      `let base = vec4<f32>(max(largest, 0.5f * ${lowest}));`,
      "var part = vec4<f32>();",
      ...this.#vec8s.flatMap((eight) => [
        ...[0, 1].flatMap((half) => [
          `let weights${eight}_${half} = exp(scores${eight}_${half} - base);`,
          `part += weights${eight}_${half};`,
        ]),
        `let packed${eight} = ${declarePackVec8(this.#operands.declarations)}(vec4<f16>(weights${eight}_0), vec4<f16>(weights${eight}_1));`,
        this.#storeVec8(eight),
      ]),
      "var total = (part.x + part.y) + (part.z + part.w);",
      ...shuffles.map((distance) => `total += subgroupShuffleXor(total, ${distance}u);`),
      "sum = sum * scale + total;",
    ];
  }
}
