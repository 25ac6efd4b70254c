/**
 * Merges two kernels of a schedule into one: the mechanism of every fusion.
 *
 * Two kernels can be merged if no other kernel has to run between them. The merged kernel stores the outputs of the program
 * and the values that other kernels read; the other values are no longer stored.
 *
 * Must stay true: a schedule is valid before and after every merge.
 */
import type { Program, Value } from "../program/program.ts";
import { interiorOf, type Kernel, keptValues, readsOf, type Schedule, storedBy, type Template } from "./schedule.ts";

export class Merging {
  readonly #program: Program;
  readonly #kept: ReadonlySet<Value>;
  readonly #kernels: Set<Kernel>;
  readonly #writers: Map<Value, Kernel>;
  readonly #reads = new Map<Kernel, ReadonlySet<Value>>();
  readonly #readers = new Map<Value, Set<Kernel>>();

  constructor({ program, kernels }: Schedule) {
    this.#program = program;
    this.#kept = keptValues(program);
    this.#kernels = new Set(kernels);
    this.#writers = storedBy(kernels);
    for (const kernel of kernels) this.#connect(kernel);
  }

  /** Whether a kernel is still in the schedule, not merged into another. */
  has(kernel: Kernel): boolean {
    return this.#kernels.has(kernel);
  }

  /** The values a kernel computes, in order. */
  interiorOf(kernel: Kernel): readonly Value[] {
    return interiorOf(kernel, this.#writers);
  }

  writerOf(value: Value): Kernel | undefined {
    return this.#writers.get(value);
  }

  /** Whether a value is stored whatever reads it. */
  isKept(value: Value): boolean {
    return this.#kept.has(value);
  }

  /** The stored values that a kernel reads. */
  readsOf(kernel: Kernel): readonly Value[] {
    return [...(this.#reads.get(kernel) ?? [])].filter((value) => this.#writers.has(value));
  }

  /** The kernels that read a stored value. */
  readersOf(value: Value): readonly Kernel[] {
    return [...(this.#readers.get(value) ?? [])];
  }

  /** The kernels that read this one's results. */
  successorsOf(kernel: Kernel): Set<Kernel> {
    return new Set(kernel.stores.flatMap((value) => this.readersOf(value)));
  }

  /** The kernels whose results this one reads. */
  predecessorsOf(kernel: Kernel): Set<Kernel> {
    const writers = [...(this.#reads.get(kernel) ?? [])].map((value) => this.#writers.get(value));
    return new Set(writers.filter((writer) => writer !== undefined));
  }

  /** Whether `second` reads results of `first`, and no other path leads from `first` to `second`. */
  canMerge(first: Kernel, second: Kernel): boolean {
    if (first === second || !this.successorsOf(first).has(second)) return false;
    const pending = [...this.successorsOf(first)].filter((kernel) => kernel !== second);
    const seen = new Set(pending);
    for (let kernel = pending.pop(); kernel !== undefined; kernel = pending.pop()) {
      for (const next of this.successorsOf(kernel)) {
        if (next === second) return false;
        if (!seen.has(next)) pending.push(next);
        seen.add(next);
      }
    }
    return true;
  }

  merge(first: Kernel, second: Kernel, template: Template): Kernel {
    const needed = (value: Value): boolean => {
      const readers = this.readersOf(value);
      return this.#kept.has(value) || readers.some((reader) => reader !== first && reader !== second);
    };
    const stores = [...first.stores, ...second.stores].filter(needed);
    for (const kernel of [first, second]) this.#disconnect(kernel);
    const merged: Kernel = { template, stores };
    this.#add(merged);
    return merged;
  }

  /** Stops storing a value: its readers recompute it. Outputs are kept. */
  unstore(value: Value): void {
    const writer = this.#writers.get(value);
    if (writer === undefined || this.#kept.has(value)) return;
    const readers = this.readersOf(value);
    for (const kernel of [writer, ...readers]) this.#disconnect(kernel);
    const stores = writer.stores.filter((stored) => stored !== value);
    for (const kernel of [...(stores.length > 0 ? [{ ...writer, stores }] : []), ...readers]) this.#add(kernel);
  }

  /** The schedule, its kernels in topological order. */
  finish(): Schedule {
    const kernels: Kernel[] = [];
    const waitingFor = new Map<Kernel, number>();
    const ready: Kernel[] = [];
    for (const kernel of this.#kernels) {
      const { size } = this.predecessorsOf(kernel);
      waitingFor.set(kernel, size);
      if (size === 0) ready.push(kernel);
    }
    for (let kernel = ready.shift(); kernel !== undefined; kernel = ready.shift()) {
      kernels.push(kernel);
      for (const next of this.successorsOf(kernel)) {
        const left = (waitingFor.get(next) ?? 0) - 1;
        waitingFor.set(next, left);
        if (left === 0) ready.push(next);
      }
    }
    return { program: this.#program, kernels };
  }

  #add(kernel: Kernel): void {
    this.#kernels.add(kernel);
    for (const value of kernel.stores) this.#writers.set(value, kernel);
    this.#connect(kernel);
  }

  #connect(kernel: Kernel): void {
    const reads = readsOf(kernel, this.#writers);
    this.#reads.set(kernel, reads);
    for (const value of reads) {
      const readers = this.#readers.get(value) ?? new Set();
      this.#readers.set(value, readers.add(kernel));
    }
  }

  #disconnect(kernel: Kernel): void {
    this.#kernels.delete(kernel);
    for (const value of kernel.stores) this.#writers.delete(value);
    for (const value of this.#reads.get(kernel) ?? []) this.#readers.get(value)?.delete(kernel);
    this.#reads.delete(kernel);
  }
}
