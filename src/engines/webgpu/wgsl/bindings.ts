/**
 * The bindings of a kernel: the tensors it reads and writes, with their names in WGSL, and what else its source needs.
 *
 * The source does not depend on the layer: tensors are numbered in the order of first use, and the vectors a kernel reads
 * (biases, LayerNorm weights) are consecutive in one binding. Equal kernels have equal source, and so share a pipeline.
 */
import type { Value } from "../../../program/program.ts";
import type { SpecialFunction } from "./special-functions.ts";
import { isF16, isVec8, type StorageType, storageForms, tensorLengthText, type ViewType } from "./storage.ts";

/** How tensors are stored, as far as kernels depend on it. */
export interface TensorSource {
  /** `undefined` for a value that is not in memory. */
  typeOf(value: Value): StorageType | undefined;
  /** Whether it is a vector known before a run: a parameter of one axis. */
  isVector(value: Value): boolean;
  /** Whether kernels write it. */
  isStored(value: Value): boolean;
}

/** One entry of a kernel's bind group, in order. Binding 0 is the uniform `extents`. */
export type Binding =
  | {
      readonly kind: "tensor";
      readonly value: Value;
      readonly name: string;
      readonly access: "read" | "write";
      /** The number of consecutive tensors whose sum it is (split-K); 1 for most. */
      readonly partialSums: number;
    }
  | { readonly kind: "vectors"; readonly values: readonly Value[] }
  /** The counters of a persistent kernel's grid barrier. */
  | { readonly kind: "grid-barrier" };

export interface TensorName {
  readonly name: string;
  readonly type: ViewType;
  /** Its start, in elements of the WGSL array. */
  readonly offset: number;
}

interface BoundTensor {
  readonly name: string;
  readonly access: "read" | "write";
  readonly isVec8View: boolean;
}

/** The number of partial sums of each value that is stored as such (split-K). */
export type PartialSums = ReadonlyMap<Value, number>;

export class KernelBindings {
  readonly #source: TensorSource;
  readonly #partialSums: PartialSums;
  readonly #tensors = new Map<Value, BoundTensor>();
  readonly #vectors = new Map<Value, number>();
  readonly #specials = new Set<SpecialFunction>();
  readonly #numbers = new Map<Value, number>();
  /** The values that the kernel computes. */
  readonly #computed = new Set<Value>();
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
    return !this.#computed.has(value) && this.#source.typeOf(value) !== undefined;
  }

  /** How a value is stored; `undefined` for one that the kernel computes. */
  typeOf(value: Value): ViewType | undefined {
    return this.has(value) ? this.#typeOf(value) : undefined;
  }

  /** The number of partial sums of a value. */
  splitKOf(value: Value): number {
    return this.#partialSums.get(value) ?? 1;
  }

  /** The indices of an element's partial sums, as WGSL. @param index the index of the first. */
  placesOf(value: Value, index: string): string[] {
    const length = tensorLengthText(value.shape);
    const placeIn = (slice: number): string => (slice === 0 ? index : `${index} + ${slice}u * ${length}`);
    return Array.from({ length: this.splitKOf(value) }, (_, slice) => placeIn(slice));
  }

  /** Binds a tensor that the kernel reads. */
  read(value: Value): TensorName {
    const type = this.#typeOf(value);
    if (this.#source.isVector(value)) return { name: "vectors", type, offset: this.#vectorOffset(value) };
    return { name: this.#nameOf(value, "read"), type, offset: 0 };
  }

  /**
   * Binds a float16 tensor as an array of `vec4<u32>`, eight elements each, for all reads of the kernel.
   * @returns `undefined` if its rows are not multiples of eight, or it is bound in another form already.
   */
  readVec8(value: Value): string | undefined {
    const last = value.shape.at(-1);
    const hasVec8s = isF16(this.#source.typeOf(value)) && typeof last === "number" && last % 8 === 0;
    if (!hasVec8s || this.#source.isVector(value)) return undefined;
    const name = this.#nameOf(value, "read", true);
    return this.#tensors.get(value)?.isVec8View ? name : undefined;
  }

  /** Binds a tensor that the kernel writes. Call it before anything is computed, so that the kernel does not read its results. */
  write(value: Value): TensorName & { readonly type: StorageType } {
    this.#computed.add(value);
    return { name: this.#nameOf(value, "write"), type: this.#storedTypeOf(value), offset: 0 };
  }

  /** Starts another kernel with the same bindings, which reads the results of this one. */
  nextKernel(): void {
    this.#computed.clear();
  }

  /** Binds the counters `grid_barrier`. */
  useGridBarrier(): void {
    this.#hasGridBarrier = true;
  }

  /** Notes that a tensor is read four elements at a time. */
  noteView(type: ViewType): void {
    if (isVec8(type)) this.#readsHalfOfVec8 = true;
  }

  /** Whether four elements of a tensor bound as vectors of eight are read. */
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

  /** A number for a value, the same in equal kernels. */
  identify(value: Value): number {
    const number = this.#numbers.get(value) ?? this.#numbers.size;
    this.#numbers.set(value, number);
    return number;
  }

  /** The bind group's entries after `extents`. */
  get bindings(): readonly Binding[] {
    const tensors = [...this.#tensors].map(([value, { name, access }]): Binding => {
      return { kind: "tensor", value, name, access, partialSums: this.splitKOf(value) };
    });
    const vectors: Binding[] = this.#vectors.size === 0 ? [] : [{ kind: "vectors", values: [...this.#vectors.keys()] }];
    return [...tensors, ...vectors, ...(this.#hasGridBarrier ? [{ kind: "grid-barrier" } as const] : [])];
  }

  /** The bindings' declarations in WGSL. */
  get declarations(): readonly string[] {
    return this.bindings.map((binding, index) => {
      const at = `@group(0) @binding(${index + 1})`;
      if (binding.kind === "vectors") return `${at} var<storage, read> vectors: array<vec4<f32>>;`;
      if (binding.kind === "grid-barrier") return `${at} var<storage, read_write> grid_barrier: array<atomic<u32>>;`;
      // All stored tensors are in one buffer, which WebGPU does not let a dispatch bind as both read-only and read-write.
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
