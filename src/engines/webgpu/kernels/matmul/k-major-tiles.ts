/**
 * Strips of a matmul's operands in workgroup memory, turned: for every place along the inner dimension the elements of all
 * lines, four neighbouring lines a vector. An invocation that has the sums of four lines by four lines then reads a vector of
 * each side for sixteen products, and has whole vectors of the result.
 *
 * They come in blocks, four lines by four elements of the inner dimension, which the invocation that brings them turns.
 *
 * Must stay true: every four places of the inner dimension are followed by some padding, so that the blocks that neighbours
 * write begin in different memory banks.
 */
import { vectorOf } from "../../wgsl/storage.ts";
import { inSet } from "./mainloop.ts";
import type { Side, StripSizes } from "./operand-tiles.ts";

/** A block that an invocation brings: its first line and its first element of the inner dimension, as WGSL. */
export interface StripBlock {
  readonly name: string;
  readonly line: string;
  readonly k: string;
  /** Where its first vector goes, as WGSL; the others follow a line of vectors apart. */
  readonly place: string;
  /** Of which side it is; both if half of the invocations bring one and half the other. */
  readonly sides: readonly Side[];
}

export class TurnedStrips {
  /** Vectors of both strips. */
  readonly length: number;
  readonly #sizes: StripSizes;
  /** Vectors after every four places of the inner dimension. */
  readonly #padding: number;

  /** @param sizes with units of four. */
  constructor(sizes: StripSizes) {
    this.#sizes = sizes;
    this.#padding = Math.max(1, Math.floor(8 / (sizes.step / 4)));
    this.length = this.#lengthOf("left") + this.#lengthOf("right");
  }

  /** Vectors of one place along the inner dimension. */
  width(side: Side): number {
    return this.#lines(side) / 4;
  }

  /** Where a place along the inner dimension begins, behind its side's start. */
  at(side: Side, k: number): number {
    return k * this.width(side) + Math.floor(k / 4) * this.#padding;
  }

  start(side: Side): number {
    return side === "left" ? 0 : this.#lengthOf("left");
  }

  /** Whether all invocations bring equally many blocks: of each side, or half of them of the one and half of the other. */
  get isEven(): boolean {
    const { rows, columns, step, invocations } = this.#sizes;
    if (![rows, columns, step].every((size) => size % 4 === 0)) return false;
    return this.#isHalved || [this.#blocks("left"), this.#blocks("right")].every((count) => count % invocations === 0);
  }

  /** The blocks that one invocation brings. */
  get blocks(): readonly StripBlock[] {
    if (this.#isHalved) {
      const index = `local_index % ${this.#blocks("left")}u`;
      const start = `select(${this.start("right")}u, 0u, is_left)`;
      return [this.#block("both0", ["left", "right"], `(${index})`, `${start} + `)];
    }
    const { invocations } = this.#sizes;
    return (["left", "right"] as const).flatMap((side) =>
      Array.from({ length: this.#blocks(side) / invocations }, (_, index) => {
        const place = index === 0 ? "local_index" : `(local_index + ${index * invocations}u)`;
        const start = this.start(side);
        return this.#block(`${side}${index}`, [side], place, start === 0 ? "" : `${start}u + `);
      }),
    );
  }

  /** Whether the invocation brings blocks of the left operand, where not all do. */
  get declareSide(): string[] {
    return this.#isHalved ? [`let is_left = local_index < ${this.#blocks("left")}u;`] : [];
  }

  /**
   * Statements that turn a block and put it into `strips`.
   * @param type of the block's elements; `undefined` for a block of float32 that is as it has to be already.
   */
  keep({ name, place, sides }: StripBlock, set: number, type: "f32" | "f16" | undefined): string[] {
    const width = this.width(sides[0] ?? "left");
    return ["x", "y", "z", "w"].map((lane, index) => {
      const lines = [0, 1, 2, 3].map((line) => `${inSet(`${name}_${line}`, set)}.${lane}`);
      const turned = type && vectorOf(`vec4<${type}>(${lines.join(", ")})`, type);
      const vector = turned ?? inSet(`${name}_${index}`, set);
      return `strips[${place}${index === 0 ? "" : ` + ${index * width}u`}] = ${vector};`;
    });
  }

  #block(name: string, sides: readonly Side[], index: string, start: string): StripBlock {
    const perLine = this.#sizes.step / 4;
    const stride = 4 * this.width(sides[0] ?? "left") + this.#padding;
    return {
      name,
      sides,
      line: `${index} / ${perLine}u * 4u`,
      k: `${index} % ${perLine}u * 4u`,
      place: `${start}${index} % ${perLine}u * ${stride}u + ${index} / ${perLine}u`,
    };
  }

  get #isHalved(): boolean {
    const { rows, columns, invocations } = this.#sizes;
    return rows === columns && 2 * this.#blocks("left") === invocations;
  }

  #lines(side: Side): number {
    return side === "left" ? this.#sizes.rows : this.#sizes.columns;
  }

  #blocks(side: Side): number {
    return (this.#lines(side) / 4) * (this.#sizes.step / 4);
  }

  #lengthOf(side: Side): number {
    return this.#sizes.step * this.width(side) + (this.#sizes.step / 4) * this.#padding;
  }
}
