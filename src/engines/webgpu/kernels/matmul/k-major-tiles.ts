/**
 * Both operands' tiles in workgroup memory K-major: for every index along K the elements of all rows, four rows per vector.
 * An invocation with the sums of 4 × 4 elements then reads one vector of each side for 16 products, and has whole vectors of
 * the result. Invocations load blocks of four rows by four indices along K, and transpose them.
 *
 * Must stay true: padding follows every four indices along K, so that the blocks that neighbours store begin in different
 * memory banks.
 */
import { vectorOf } from "../../wgsl/storage.ts";
import type { OperandTileSizes, Side } from "./k-contiguous-tiles.ts";
import { inStage } from "./mainloop.ts";

/** A block that an invocation loads: its first row and its first element along K, as WGSL. */
export interface LoadBlock {
  readonly name: string;
  readonly row: string;
  readonly k: string;
  /** The index of its first stored vector, as WGSL; the others follow at the side's width. */
  readonly place: string;
  /** Its side; both if each half of the invocations loads one. */
  readonly sides: readonly Side[];
}

export class KMajorTiles {
  /** Vectors of both tiles. */
  readonly length: number;
  readonly #sizes: OperandTileSizes;
  /** Vectors after every four indices along K. */
  readonly #padding: number;

  /** @param sizes with vectors of four. */
  constructor(sizes: OperandTileSizes) {
    this.#sizes = sizes;
    this.#padding = Math.max(1, Math.floor(8 / (sizes.step / 4)));
    this.length = this.#lengthOf("left") + this.#lengthOf("right");
  }

  /** Vectors of one index along K. */
  width(side: Side): number {
    return this.#rows(side) / 4;
  }

  /** The offset of an index along K from its side's start. */
  at(side: Side, k: number): number {
    return k * this.width(side) + Math.floor(k / 4) * this.#padding;
  }

  start(side: Side): number {
    return side === "left" ? 0 : this.#lengthOf("left");
  }

  /** Whether all invocations load equally many blocks: of each side, or each half of them of one side. */
  get isEven(): boolean {
    const { tileM, tileN, step, threads } = this.#sizes;
    if (![tileM, tileN, step].every((size) => size % 4 === 0)) return false;
    return this.#isHalved || [this.#blocks("left"), this.#blocks("right")].every((count) => count % threads === 0);
  }

  get blocks(): readonly LoadBlock[] {
    if (this.#isHalved) {
      const index = `local_index % ${this.#blocks("left")}u`;
      const start = `select(${this.start("right")}u, 0u, is_left)`;
      return [this.#block("both0", ["left", "right"], `(${index})`, `${start} + `)];
    }
    const { threads } = this.#sizes;
    return (["left", "right"] as const).flatMap((side) =>
      Array.from({ length: this.#blocks(side) / threads }, (_, index) => {
        const place = index === 0 ? "local_index" : `(local_index + ${index * threads}u)`;
        const start = this.start(side);
        return this.#block(`${side}${index}`, [side], place, start === 0 ? "" : `${start}u + `);
      }),
    );
  }

  /** Declares `is_left`: whether the invocation loads blocks of the left operand, where not all do. */
  get declareSide(): string[] {
    return this.#isHalved ? [`let is_left = local_index < ${this.#blocks("left")}u;`] : [];
  }

  /** Transposes a block of `type`, or one of float32 that is K-major already if absent, and stores it into `array`. */
  storeToShared(array: string, { name, place, sides }: LoadBlock, stage: number, type?: "f32" | "f16"): string[] {
    const width = this.width(sides[0] ?? "left");
    return ["x", "y", "z", "w"].map((lane, index) => {
      const rows = [0, 1, 2, 3].map((row) => `${inStage(`${name}_${row}`, stage)}.${lane}`);
      const transposed = type && vectorOf(`vec4<${type}>(${rows.join(", ")})`, type);
      const vector = transposed ?? inStage(`${name}_${index}`, stage);
      return `${array}[${place}${index === 0 ? "" : ` + ${index * width}u`}] = ${vector};`;
    });
  }

  #block(name: string, sides: readonly Side[], index: string, start: string): LoadBlock {
    const perRow = this.#sizes.step / 4;
    const stride = 4 * this.width(sides[0] ?? "left") + this.#padding;
    return {
      name,
      sides,
      row: `${index} / ${perRow}u * 4u`,
      k: `${index} % ${perRow}u * 4u`,
      place: `${start}${index} % ${perRow}u * ${stride}u + ${index} / ${perRow}u`,
    };
  }

  get #isHalved(): boolean {
    const { tileM, tileN, threads } = this.#sizes;
    return tileM === tileN && 2 * this.#blocks("left") === threads;
  }

  #rows(side: Side): number {
    return side === "left" ? this.#sizes.tileM : this.#sizes.tileN;
  }

  #blocks(side: Side): number {
    return (this.#rows(side) / 4) * (this.#sizes.step / 4);
  }

  #lengthOf(side: Side): number {
    return this.#sizes.step * this.width(side) + (this.#sizes.step / 4) * this.#padding;
  }
}
