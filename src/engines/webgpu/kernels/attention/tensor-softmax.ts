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
import type { AttentionParts } from "./attention-common.ts";
import { type AttentionLayout, lanesOf, type TensorAttentionTile } from "./tensor-tiles.ts";

/** How far a score may lie above the maximum in use: e^8 is 2,981. */
const slack = 8;

export class TensorSoftmax {
  readonly #parts: AttentionParts;
  readonly #tile: TensorAttentionTile;
  readonly #layout: AttentionLayout;
  /** That have a row of scores. */
  readonly #lanes: number;

  constructor(parts: AttentionParts, tile: TensorAttentionTile, layout: AttentionLayout) {
    this.#parts = parts;
    this.#tile = tile;
    this.#layout = layout;
    this.#lanes = lanesOf(tile);
  }

  /** The units of eight weights that a lane has of its row. */
  get #eights(): number[] {
    return Array.from({ length: this.#tile.keys / 8 / this.#lanes }, (_, index) => index);
  }

  /** The row of scores that one lane or a few neighbours have. */
  start(): string[] {
    return [
      "// The row of scores that the lane has, or shares with its neighbours.",
      `let row = local_index / ${this.#lanes}u;`,
      `let lane = local_index % ${this.#lanes}u;`,
      `let query = min(first_query + row, ${extentText(this.#parts.queries)} - 1u);`,
    ];
  }

  /** Puts a row's weights into memory, once more if something else has taken their place. */
  keepWeights(): string[] {
    return this.#eights.map((eight) => this.#keepEight(eight));
  }

  #keepEight(eight: number): string {
    const { start, line } = this.#layout.weights;
    return `tile[${start}u + row * ${line}u + lane + ${eight * this.#lanes}u] = packed${eight};`;
  }

  /** The scores of a tile of keys become weights. The lanes of a row take turns at eight of its scores. */
  weigh(): string[] {
    const shuffles = Array.from({ length: Math.log2(this.#lanes) }, (_, power) => 2 ** power);
    const halves = this.#eights.flatMap((eight) => [0, 1].map((half) => ({ eight, half, name: `${eight}_${half}` })));
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
      ...this.#eights.flatMap((eight) => [
        ...[0, 1].flatMap((half) => [
          `let weights${eight}_${half} = exp(scores${eight}_${half} - base);`,
          `part += weights${eight}_${half};`,
        ]),
        `let packed${eight} = pack_eight(vec4<f16>(weights${eight}_0), vec4<f16>(weights${eight}_1));`,
        this.#keepEight(eight),
      ]),
      "var total = (part.x + part.y) + (part.z + part.w);",
      ...shuffles.map((distance) => `total += subgroupShuffleXor(total, ${distance}u);`),
      "sum = sum * scale + total;",
    ];
  }
}
