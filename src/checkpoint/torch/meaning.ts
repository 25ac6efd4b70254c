/**
 * What globals, calls and persistent ids of a checkpoint's pickle mean: dicts, storages, and tensors in them.
 *
 * Must stay true: a storage's key has one type and one length; a tensor lies inside its storage.
 */
import { CheckpointError, GET_AGAIN } from "../../errors.ts";
import { describe } from "../describe.ts";
import { findGlobal } from "./globals.ts";
import type { PickleMeaning } from "./pickle.ts";
import { checkLayout } from "./tensor-layout.ts";
import {
  describeValue,
  PickleDict,
  PickleGlobal,
  PickleList,
  type PickleValue,
  TorchStorage,
  TorchTensor,
} from "./values.ts";

export class TorchMeaning implements PickleMeaning {
  /** By key. */
  readonly storages = new Map<string, TorchStorage>();
  readonly #what: string;

  /** @param what the file, for errors. */
  constructor(what: string) {
    this.#what = what;
  }

  global(module: string, name: string): PickleGlobal {
    return findGlobal(module, name, this.#what);
  }

  call(callee: PickleGlobal, args: readonly PickleValue[]): PickleValue {
    switch (callee.meaning) {
      case "ordered dict":
        return this.#orderedDict(args);
      case "tensor":
        return this.#tensor(callee, args);
      case "parameter": {
        const [tensor] = args;
        if (tensor instanceof TorchTensor) return tensor;
        throw this.#wrong(`makes a parameter of ${describeValue(tensor)}`, "a tensor");
      }
      default:
        throw this.#wrong(`calls ${callee.name}`, "a storage that is named, not made");
    }
  }

  /** `("storage", class, key, location, elements)`, in old files with a view of the storage, or None, after it. */
  persistent(id: PickleValue): PickleValue {
    const [tag, type, key, , length, view = null] = Array.isArray(id) ? (id as readonly PickleValue[]) : [];
    const isStorage = tag === "storage" && type instanceof PickleGlobal && typeof type.meaning === "object";
    if (!isStorage || typeof key !== "string" || !isCount(length)) {
      throw this.#wrong(`stores ${describeValue(tag)} outside of its pickle`, "a storage with class, key and length");
    }
    if (view !== null) throw this.#wrong(`has views of the storage ${describe(key)}`, "whole storages");
    const known = this.storages.get(key);
    if (known === undefined) {
      const storage = new TorchStorage(key, type.meaning as TorchStorage["type"], length);
      this.storages.set(key, storage);
      return storage;
    }
    if (known.type === type.meaning && known.length === length) return known;
    throw this.#wrong(`gives two descriptions of the storage ${describe(key)}`, "one");
  }

  /** Python 2 writes `OrderedDict([[key, value], …])`, later ones an empty one and items. */
  #orderedDict([pairs]: readonly PickleValue[]): PickleDict {
    const dict = new PickleDict();
    if (pairs === undefined) return dict;
    if (!(pairs instanceof PickleList)) throw this.#wrong(`makes a dict of ${describeValue(pairs)}`, "a list of pairs");
    for (const pair of pairs.items) {
      const [key, value] = pair instanceof PickleList ? pair.items : Array.isArray(pair) ? pair : [];
      if (typeof key !== "string" || value === undefined || !dict.add(key, value)) {
        throw this.#wrong(`makes a dict with the key ${describeValue(key)}`, "texts, each once");
      }
    }
    return dict;
  }

  /** `(storage, offset, shape, strides)`, then whether it needs gradients, hooks, and bits such as "negated". */
  #tensor(callee: PickleGlobal, args: readonly PickleValue[]): TorchTensor {
    const [storage, offset, shape, strides, , , metadata = null] = args;
    if (!(storage instanceof TorchStorage) || !isCount(offset) || !isCounts(shape) || !isCounts(strides)) {
      const given = [storage, offset, shape, strides].map(describeValue).join(", ");
      throw this.#wrong(`makes a tensor of ${given}`, "a storage, an offset, a shape and strides, none negative");
    }
    if (metadata !== null && !(metadata instanceof PickleDict && metadata.size === 0)) {
      throw this.#wrong(`gives ${callee.name} ${describeValue(metadata)} as metadata`, "none");
    }
    checkLayout({ storage, offset, shape, strides }, this.#what);
    return new TorchTensor(storage, offset, shape, strides);
  }

  #wrong(how: string, expected: string): CheckpointError {
    return new CheckpointError({ found: `${this.#what} ${how}`, expected, advice: GET_AGAIN });
  }
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isCounts(value: PickleValue | undefined): value is readonly number[] {
  return Array.isArray(value) && value.every(isCount);
}
