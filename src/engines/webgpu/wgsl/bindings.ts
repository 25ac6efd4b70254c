/**
 * What one kernel binds: the tensors it reads and writes, by the names it knows them by, and what else its source needs.
 *
 * The source says nothing about which layer it is for: tensors are numbered in the order they are met, and the vectors a
 * kernel reads (biases, LayerNorm weights) lie one after another in one binding. Kernels that do the same have the same
 * source, and so one pipeline.
 */
import type { Value } from "../../../program/program.ts";
import type { SpecialFunction } from "./special-functions.ts";
import { isF16, isVec8, type StorageType, storageForms, tensorLengthText, type ViewType } from "./storage.ts";

/** Where tensors come from, as far as a kernel cares. */
export interface TensorSource {
  /** `undefined` for a value that is not in memory. */
  typeOf(value: Value): StorageType | undefined;
  /** Vectors known before a run: rows of parameters, of one axis. */
  isVector(value: Value): boolean;
  /** Whether it is written by kernels, and so lies where kernels may write. */
  isStored(value: Value): boolean;
}

/** One entry of a kernel's bind group, in order. Binding 0 is the uniform `extents`. */
export type Binding =
  | {
      readonly kind: "tensor";
      readonly value: Value;
      readonly name: string;
      readonly access: "read" | "write";
      /** As many tensors one behind another, of which it is the sum (split-K); 1 for most. */
      readonly partialSums: number;
    }
  | { readonly kind: "vectors"; readonly values: readonly Value[] }
  /** The counters of a persistent kernel's grid barrier. */
  | { readonly kind: "grid-barrier" };

export interface TensorName {
  readonly name: string;
  readonly type: ViewType;
  /** Where it begins, in elements of the WGSL array. */
  readonly offset: number;
}

interface BoundTensor {
  readonly name: string;
  readonly access: "read" | "write";
  readonly isVec8View: boolean;
}

/** How many partial sums each value is left as, if it is (split-K). */
export type PartialSums = ReadonlyMap<Value, number>;

export class KernelBindings {
  readonly #source: TensorSource;
  readonly #partialSums: PartialSums;
  readonly #tensors = new Map<Value, BoundTensor>();
  readonly #vectors = new Map<Value, number>();
  readonly #specials = new Set<SpecialFunction>();
  readonly #numbers = new Map<Value, number>();
  /** What the kernel computes itself. */
  readonly #own = new Set<Value>();
  #hasGridBarrier = false;
  #readsHalfOfVec8 = false;
  #vectorsLength = 0;
  #names = 0;

  constructor(source: TensorSource, partialSums: PartialSums = new Map()) {
    this.#source = source;
    this.#partialSums = partialSums;
  }

  /** Whether the value is a tensor in memory, not one that the kernel computes. */
  has(value: Value): boolean {
    return !this.#own.has(value) && this.#source.typeOf(value) !== undefined;
  }

  /** How a value lies in memory; `undefined` for one that the kernel computes. */
  typeOf(value: Value): ViewType | undefined {
    return this.has(value) ? this.#typeOf(value) : undefined;
  }

  /** How many tensors in memory a value is the sum of. */
  splitKOf(value: Value): number {
    return this.#partialSums.get(value) ?? 1;
  }

  /** Where in memory the elements are of which the value's is the sum. @param index of the first, as all are in WGSL. */
  placesOf(value: Value, index: string): string[] {
    const others = Array.from({ length: this.splitKOf(value) - 1 }, (_, other) => other + 1);
    return [index, ...others.map((slice) => `${index} + ${slice}u * ${tensorLengthText(value.shape)}`)];
  }

  /** A tensor the kernel reads. */
  read(value: Value): TensorName {
    const type = this.#typeOf(value);
    if (this.#source.isVector(value)) return { name: "vectors", type, offset: this.#vectorOffset(value) };
    return { name: this.#nameOf(value, "read"), type, offset: 0 };
  }

  /**
   * A tensor in float16 that the kernel reads eight elements at a time: as an array of `vec4<u32>`, now and wherever else the
   * kernel reads it.
   * @returns `undefined` if its rows are no multiples of eight, or it is bound as something else already.
   */
  readVec8(value: Value): string | undefined {
    const last = value.shape.at(-1);
    const hasEights = isF16(this.#source.typeOf(value)) && typeof last === "number" && last % 8 === 0;
    if (!hasEights || this.#source.isVector(value)) return undefined;
    const name = this.#nameOf(value, "read", true);
    return this.#tensors.get(value)?.isVec8View ? name : undefined;
  }

  /** A tensor the kernel writes: to be said before anything is computed, so that its own results are not read. */
  write(value: Value): TensorName & { readonly type: StorageType } {
    this.#own.add(value);
    return { name: this.#nameOf(value, "write"), type: this.#storedTypeOf(value), offset: 0 };
  }

  /** What follows is another kernel with the same bindings: it reads what this one has written. */
  nextKernel(): void {
    this.#own.clear();
  }

  /** Binds the counters `grid_barrier`. */
  useGridBarrier(): void {
    this.#hasGridBarrier = true;
  }

  /** A tensor is read four elements at a time. */
  noteView(type: ViewType): void {
    if (isVec8(type)) this.#readsHalfOfVec8 = true;
  }

  /** Whether four elements are read of something that is bound by eights. */
  get readsHalfOfVec8(): boolean {
    return this.#readsHalfOfVec8;
  }

  useSpecial(name: SpecialFunction): void {
    this.#specials.add(name);
  }

  get specials(): readonly SpecialFunction[] {
    return [...this.#specials];
  }

  freshName(prefix: string): string {
    return `${prefix}${this.#names++}`;
  }

  /** A number for a value, the same in every kernel that does the same. */
  identify(value: Value): number {
    const number = this.#numbers.get(value) ?? this.#numbers.size;
    this.#numbers.set(value, number);
    return number;
  }

  /** The bind group's entries after `extents`. */
  get bindings(): readonly Binding[] {
    const tensors = [...this.#tensors].map(
      ([value, { name, access }]): Binding => ({
        kind: "tensor",
        value,
        name,
        access,
        partialSums: this.splitKOf(value),
      }),
    );
    const vectors: Binding[] = this.#vectors.size === 0 ? [] : [{ kind: "vectors", values: [...this.#vectors.keys()] }];
    return [...tensors, ...vectors, ...(this.#hasGridBarrier ? [{ kind: "grid-barrier" } as const] : [])];
  }

  /** The bindings declared in WGSL. */
  get declarations(): readonly string[] {
    return this.bindings.map((binding, index) => {
      const at = `@group(0) @binding(${index + 1})`;
      if (binding.kind === "vectors") return `${at} var<storage, read> vectors: array<vec4<f32>>;`;
      if (binding.kind === "grid-barrier") return `${at} var<storage, read_write> grid_barrier: array<atomic<u32>>;`;
      // One buffer holds all that kernels store, and in one dispatch WebGPU lets a buffer be read only or written, not both.
      const mode = this.#source.isStored(binding.value) ? "read_write" : "read";
      return `${at} var<storage, ${mode}> ${binding.name}: array<${storageForms[this.#typeOf(binding.value)].element}>;`;
    });
  }

  get usesHalf(): boolean {
    return this.#hasStored("f16");
  }

  get usesPackedHalves(): boolean {
    return this.#hasStored("packed-f16");
  }

  #hasStored(type: StorageType): boolean {
    return [...this.#tensors.keys()].some((value) => this.#source.typeOf(value) === type);
  }

  #typeOf(value: Value): ViewType {
    const type = this.#storedTypeOf(value);
    return this.#tensors.get(value)?.isVec8View && isF16(type) ? `${type}-vec8` : type;
  }

  #storedTypeOf(value: Value): StorageType {
    const type = this.#source.typeOf(value);
    if (type === undefined) throw new RangeError(`a ${value.operation.kind} is not in memory`);
    return type;
  }

  #nameOf(value: Value, access: "read" | "write", isVec8View = false): string {
    const known = this.#tensors.get(value);
    if (known !== undefined) return known.name;
    const count = [...this.#tensors.values()].filter((tensor) => tensor.access === access).length;
    const name = `${access === "read" ? "in" : "out"}${count}`;
    this.#tensors.set(value, { name, access, isVec8View });
    return name;
  }

  #vectorOffset(value: Value): number {
    const known = this.#vectors.get(value);
    if (known !== undefined) return known;
    const offset = this.#vectorsLength;
    this.#vectors.set(value, offset);
    this.#vectorsLength += Math.ceil(Number(value.shape.at(-1)) / 4);
    return offset;
  }
}
