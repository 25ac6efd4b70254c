/**
 * Strips of a matmul's operands in workgroup memory: lines along the inner dimension, brought unit by unit (some elements
 * that are neighbours) by all invocations of a workgroup, each as many as the others.
 *
 * Must stay true: lines are longer than what they hold by one unit, so that they begin in different memory banks.
 */
import { inSet } from "./mainloop.ts";

export interface StripSizes {
  /** Lines of the left operand, and of the right one behind them. */
  readonly rows: number;
  readonly columns: number;
  /** Of the inner dimension, elements that a strip holds. */
  readonly step: number;
  /** Elements of a unit. */
  readonly unit: number;
  readonly invocations: number;
}

export type Side = "left" | "right";

/** Which line a unit belongs to, and which of the line's it is, as WGSL. */
export interface Place {
  readonly line: string;
  readonly unit: string;
}

export class Strips {
  /** Units from line to line. */
  readonly line: number;
  /** Units of both strips. */
  readonly length: number;
  readonly #sizes: StripSizes;

  constructor(sizes: StripSizes) {
    this.#sizes = sizes;
    this.line = sizes.step / sizes.unit + 1;
    this.length = (sizes.rows + sizes.columns) * this.line;
  }

  /** Whether all invocations bring equally many units of each side. */
  get isEven(): boolean {
    const { rows, columns, step, unit, invocations } = this.#sizes;
    return step % unit === 0 && [rows, columns].every((lines) => ((lines * step) / unit) % invocations === 0);
  }

  /** Where a side's lines begin. */
  start(side: Side): number {
    return side === "left" ? 0 : this.#sizes.rows * this.line;
  }

  /** The units of a side that one invocation brings: the name of each, and its place. */
  units(side: Side): readonly (Place & { readonly name: string })[] {
    const { rows, columns, step, unit, invocations } = this.#sizes;
    const count = ((side === "left" ? rows : columns) * step) / unit / invocations;
    if (!Number.isInteger(count)) throw new RangeError("the invocations of a tile cannot share its operands evenly");
    const perLine = `${step / unit}u`;
    return Array.from({ length: count }, (_, index) => {
      const place = index === 0 ? "local_index" : `(local_index + ${index * invocations}u)`;
      return { name: `${side}${index}`, line: `${place} / ${perLine}`, unit: `${place} % ${perLine}` };
    });
  }

  /** Variables for a side's units, in each of some sets of registers (`pipeline.ts`). */
  declare(side: Side, type: string, sets: number): string[] {
    return Array.from({ length: sets }, (_, set) =>
      this.units(side).map(({ name }) => `var ${inSet(name, set)}: ${type};`),
    ).flat();
  }

  /**
   * Statements that put a side's units into the strip `array`.
   * @param form what a unit becomes there, as WGSL of its name.
   */
  keep(side: Side, array: string, set: number, form = (name: string) => name): string[] {
    const start = this.start(side);
    return this.units(side).map(({ name, line, unit }) => {
      return `${array}[${start === 0 ? "" : `${start}u + `}${line} * ${this.line}u + ${unit}] = ${form(inSet(name, set))};`;
    });
  }
}
