/**
 * Both operands' tiles in workgroup memory with K contiguous: a row per row of A and column of B. All invocations of a
 * workgroup load equally many vectors.
 *
 * Must stay true: rows are padded by one vector, so that they begin in different memory banks.
 */
import { type LoadSlot, loadSlots } from "../cooperative-load.ts";
import { inStage } from "./mainloop.ts";

export interface OperandTileSizes {
  readonly tileM: number;
  readonly tileN: number;
  /** Elements of a tile along K. */
  readonly step: number;
  /** Elements of a vector. */
  readonly vector: number;
  readonly threads: number;
}

export type Side = "left" | "right";

export class KContiguousTiles {
  /** Vectors from row to row. */
  readonly stride: number;
  /** Vectors of both tiles. */
  readonly length: number;
  readonly #sizes: OperandTileSizes;

  constructor(sizes: OperandTileSizes) {
    this.#sizes = sizes;
    this.stride = sizes.step / sizes.vector + 1;
    this.length = (sizes.tileM + sizes.tileN) * this.stride;
  }

  /** Whether all invocations load equally many vectors of each side. */
  get isEven(): boolean {
    const { tileM, tileN, step, vector, threads } = this.#sizes;
    return step % vector === 0 && [tileM, tileN].every((rows) => ((rows * step) / vector) % threads === 0);
  }

  start(side: Side): number {
    return side === "left" ? 0 : this.#sizes.tileM * this.stride;
  }

  /** The vectors of a side that an invocation loads, with the register of each. */
  slots(side: Side): readonly (LoadSlot & { readonly name: string })[] {
    const { tileM, tileN, step, vector, threads } = this.#sizes;
    const slots = loadSlots(side === "left" ? tileM : tileN, step / vector, threads);
    return slots.map((slot) => ({ ...slot, name: `${side}${slot.index}` }));
  }

  /** Declares registers for a side's vectors, for each prefetch stage. */
  declare(side: Side, type: string, stages: number): string[] {
    return Array.from({ length: stages }, (_, stage) =>
      this.slots(side).map(({ name }) => `var ${inStage(name, stage)}: ${type};`),
    ).flat();
  }

  /** Stores a side's vectors into workgroup memory. @param convert the stored vector, as WGSL of its register. */
  storeToShared(side: Side, array: string, stage: number, convert = (register: string) => register): string[] {
    const start = this.start(side);
    return this.slots(side).map(({ name, row, vector }) => {
      const place = `${start === 0 ? "" : `${start}u + `}${row} * ${this.stride}u + ${vector}`;
      return `${array}[${place}] = ${convert(inStage(name, stage))};`;
    });
  }
}
