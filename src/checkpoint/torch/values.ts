/**
 * What a pickle of PyTorch can hold here: plain data, storages and tensors.
 *
 * Must stay true: every value is inert. A global is a name out of a closed list, not the thing it names; lists may
 * contain themselves, so nothing walks values recursively.
 */
import { describe } from "../describe.ts";

/** A tuple is an array. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly PickleValue[]
  | PickleList
  | PickleDict
  | PickleGlobal
  | TorchStorage
  | TorchTensor;

export class PickleList {
  readonly items: PickleValue[] = [];
}

/** A dict or an OrderedDict. Its map is made when it gets an entry: most stay empty. */
export class PickleDict {
  #entries: Map<string | number, PickleValue> | undefined;

  get size(): number {
    return this.#entries?.size ?? 0;
  }

  get(key: string | number): PickleValue | undefined {
    return this.#entries?.get(key);
  }

  /** @returns false if the key has a value already, which is kept. */
  add(key: string | number, value: PickleValue): boolean {
    this.#entries ??= new Map();
    if (this.#entries.has(key)) return false;
    this.#entries.set(key, value);
    return true;
  }

  entries(): Iterable<readonly [string | number, PickleValue]> {
    return this.#entries ?? [];
  }
}

/** The dtypes of PyTorch's storage classes, as safetensors names them, and the bytes of an element. */
export interface StorageType {
  readonly dtype: string;
  readonly width: 1 | 2 | 4 | 8;
}

/** A name that the pickle may mention, and what it stands for. */
export class PickleGlobal {
  readonly name: string;
  readonly meaning: StorageType | "ordered dict" | "tensor" | "parameter";

  constructor(name: string, meaning: PickleGlobal["meaning"]) {
    this.name = name;
    this.meaning = meaning;
  }
}

/** A run of elements in the file, which tensors are views of. */
export class TorchStorage {
  readonly key: string;
  readonly type: StorageType;
  /** In elements. */
  readonly length: number;

  constructor(key: string, type: StorageType, length: number) {
    this.key = key;
    this.type = type;
    this.length = length;
  }
}

/** A view of a storage, inside its bounds (see `tensor-layout.ts`). */
export class TorchTensor {
  readonly storage: TorchStorage;
  /** In elements, as the strides. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(storage: TorchStorage, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }

  get dtype(): string {
    return this.storage.type.dtype;
  }
}

/** What a checkpoint of either format holds. */
export interface TorchContents {
  readonly tensors: ReadonlyMap<string, TorchTensor>;
  /** Where in the file each storage begins, by key; each is inside of the file as a whole. */
  readonly starts: ReadonlyMap<string, number>;
}

/** For errors: a kind, or a short value. */
export function describeValue(value: PickleValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "None";
  if (typeof value === "bigint") return "a number beyond 2^53";
  if (typeof value !== "object") return describe(value);
  if (value instanceof PickleList) return "a list";
  if (value instanceof PickleDict) return "a dict";
  if (value instanceof PickleGlobal) return value.name;
  if (value instanceof TorchStorage) return "a storage";
  if (value instanceof TorchTensor) return "a tensor";
  return isTupleOfNumbers(value) ? describe(value) : "a tuple";
}

function isTupleOfNumbers(values: readonly PickleValue[]): boolean {
  return values.length <= 8 && values.every((value) => typeof value === "number");
}
