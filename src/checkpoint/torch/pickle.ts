/**
 * Reads pickles, as far as PyTorch's checkpoints need it, without running anything.
 *
 * A pickle is a program for a stack machine, with operations that import any Python function by its name and call it:
 * unpickling a file in Python runs whatever its author wanted. This machine has only the operations that build data.
 * A global is looked up in a closed list (`globals.ts`), and "calling" one makes a tensor's description.
 *
 * Must stay true: input is untrusted; no operation recurses, allocates more than the pickle has bytes, or takes longer
 * than what earlier ones pushed; the number of operations is bounded.
 */
import { CheckpointError, GET_AGAIN } from "../../errors.ts";
import { describe, grouped } from "../describe.ts";
import type { PickleBytes } from "./pickle-bytes.ts";
import { describeValue, PickleDict, PickleGlobal, PickleList, type PickleValue } from "./values.ts";

/** A tensor takes some 27. */
const MAX_OPERATIONS = 1_000_000;
/** Protocol 2 is PyTorch's default. */
const PROTOCOLS = [2, 3, 4, 5];
const STOP = 0x2e;

/** What globals, calls of them, and persistent ids mean. */
export interface PickleMeaning {
  /** @throws CheckpointError unless the global is one of a closed list. */
  global(module: string, name: string): PickleGlobal;
  call(callee: PickleGlobal, args: readonly PickleValue[]): PickleValue;
  /** An object that is stored outside of the pickle. */
  persistent(id: PickleValue): PickleValue;
}

/**
 * Reads one pickle; `bytes` then stands behind it.
 * @throws CheckpointError if it is damaged, too long, or does anything but build data.
 */
export function readPickle(bytes: PickleBytes, meaning: PickleMeaning): PickleValue {
  const machine = new PickleMachine(bytes, meaning);
  for (let count = 0; count < MAX_OPERATIONS; count++) {
    const code = bytes.byte();
    if (code === STOP) return machine.result();
    const operation = OPERATIONS.get(code);
    if (operation === undefined) throw unknownOperation(code, bytes);
    operation(machine);
  }
  throw new CheckpointError({
    found: `${bytes.what} has a pickle of more than ${grouped(MAX_OPERATIONS)} operations`,
    expected: "a dict of tensors",
    advice: "Save only the weights: torch.save(model.state_dict(), …).",
  });
}

class PickleMachine {
  readonly bytes: PickleBytes;
  readonly #meaning: PickleMeaning;
  readonly #stack: PickleValue[] = [];
  /** Heights of the stack. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();

  constructor(bytes: PickleBytes, meaning: PickleMeaning) {
    this.bytes = bytes;
    this.#meaning = meaning;
  }

  push(value: PickleValue): void {
    this.#stack.push(value);
  }

  pop(): PickleValue {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  popToMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.damaged("uses a mark that it did not set");
    return this.#stack.splice(mark);
  }

  popTuple(length: number): PickleValue[] {
    const tuple: PickleValue[] = [];
    for (let index = 0; index < length; index++) tuple.push(this.pop());
    return tuple.reverse();
  }

  /** Without a key, the next free one. */
  memoize(key = this.#memo.size): void {
    this.#memo.set(key, this.#top());
  }

  recall(key: number): void {
    const value = this.#memo.get(key);
    if (value === undefined) throw this.damaged(`uses memo ${key}, which it did not set`);
    this.push(value);
  }

  checkProtocol(protocol: number): void {
    if (PROTOCOLS.includes(protocol)) return;
    throw this.damaged(`has a pickle of protocol ${protocol}`, `protocol ${PROTOCOLS.join(", ")}`);
  }

  append(values: readonly PickleValue[]): void {
    const list = this.#top();
    if (!(list instanceof PickleList)) throw this.damaged(`appends to ${describeValue(list)}`, "a list");
    for (const value of values) list.items.push(value);
  }

  /** @param values keys and values in turn. */
  setItems(values: readonly PickleValue[]): void {
    const dict = this.#top();
    if (!(dict instanceof PickleDict)) throw this.damaged(`sets items of ${describeValue(dict)}`, "a dict");
    if (values.length % 2 !== 0) throw this.damaged("sets a key without a value");
    for (let index = 0; index < values.length; index += 2) {
      const [key, value] = [values[index], values[index + 1]];
      if ((typeof key !== "string" && typeof key !== "number") || value === undefined) {
        throw this.damaged(`has ${describeValue(key)} as a key of a dict`, "a text or a number");
      }
      if (!dict.add(key, value)) throw this.damaged(`has the key ${describe(key)} twice in a dict`, "each key once");
    }
  }

  /** Attributes of an OrderedDict, such as a state dict's `_metadata`, are dropped: they hold no weights. */
  build(): void {
    const state = this.pop();
    const target = this.#top();
    if (target instanceof PickleDict && state instanceof PickleDict) return;
    throw this.damaged(`sets the state of ${describeValue(target)} to ${describeValue(state)}`, "attributes of a dict");
  }

  pushGlobal(module: string, name: string): void {
    this.push(this.#meaning.global(module, name));
  }

  pushStackGlobal(): void {
    const [module, name] = this.popTuple(2);
    if (typeof module !== "string" || typeof name !== "string") {
      throw this.damaged(`names a global by ${describeValue(module)} and ${describeValue(name)}`, "two texts");
    }
    this.pushGlobal(module, name);
  }

  call(): void {
    const [callee, args] = this.popTuple(2);
    if (!(callee instanceof PickleGlobal) || !Array.isArray(args)) {
      throw this.damaged(`calls ${describeValue(callee)} with ${describeValue(args)}`, "a function of PyTorch's");
    }
    this.push(this.#meaning.call(callee, args));
  }

  pushPersistent(): void {
    this.push(this.#meaning.persistent(this.pop()));
  }

  result(): PickleValue {
    const value = this.pop();
    if (this.#stack.length > 0 || this.#marks.length > 0) throw this.damaged("has a pickle that leaves values over");
    return value;
  }

  damaged(how: string, expected?: string): CheckpointError {
    const found = `${this.bytes.what} ${how}`;
    return new CheckpointError({ found, ...(expected !== undefined && { expected }), advice: GET_AGAIN });
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1);
    // Values below a mark belong to another container.
    if (value !== undefined && this.#stack.length > (this.#marks.at(-1) ?? 0)) return value;
    throw this.damaged("has a pickle that takes a value where there is none");
  }
}

/** The operations that `torch.save` writes under protocols 2 to 5, by their code; Python's names for them beside. */
const OPERATIONS: ReadonlyMap<number, (machine: PickleMachine) => void> = new Map<
  number,
  (machine: PickleMachine) => void
>([
  [0x80, (m) => m.checkProtocol(m.bytes.byte())], // PROTO
  [0x95, (m) => void m.bytes.integer(8)], // FRAME: how much to read at once
  [0x28, (m) => m.mark()], // MARK
  [0x4e, (m) => m.push(null)], // NONE
  [0x88, (m) => m.push(true)], // NEWTRUE
  [0x89, (m) => m.push(false)], // NEWFALSE
  [0x4b, (m) => m.push(m.bytes.byte())], // BININT1
  [0x4d, (m) => m.push(m.bytes.uint16())], // BININT2
  [0x4a, (m) => m.push(m.bytes.int32())], // BININT
  [0x8a, (m) => m.push(m.bytes.integer(m.bytes.byte()))], // LONG1
  [0x47, (m) => m.push(m.bytes.float64())], // BINFLOAT
  [0x58, (m) => m.push(m.bytes.text(m.bytes.uint32()))], // BINUNICODE
  [0x8c, (m) => m.push(m.bytes.text(m.bytes.byte()))], // SHORT_BINUNICODE
  [0x55, (m) => m.push(m.bytes.text(m.bytes.byte()))], // SHORT_BINSTRING, from Python 2
  [0x5d, (m) => m.push(new PickleList())], // EMPTY_LIST
  [0x7d, (m) => m.push(new PickleDict())], // EMPTY_DICT
  [0x29, (m) => m.push([])], // EMPTY_TUPLE
  [0x85, (m) => m.push(m.popTuple(1))], // TUPLE1
  [0x86, (m) => m.push(m.popTuple(2))], // TUPLE2
  [0x87, (m) => m.push(m.popTuple(3))], // TUPLE3
  [0x74, (m) => m.push(m.popToMark())], // TUPLE
  [0x61, (m) => m.append([m.pop()])], // APPEND
  [0x65, (m) => m.append(m.popToMark())], // APPENDS
  [0x73, (m) => m.setItems(m.popTuple(2))], // SETITEM
  [0x75, (m) => m.setItems(m.popToMark())], // SETITEMS
  [0x71, (m) => m.memoize(m.bytes.byte())], // BINPUT
  [0x72, (m) => m.memoize(m.bytes.uint32())], // LONG_BINPUT
  [0x94, (m) => m.memoize()], // MEMOIZE
  [0x68, (m) => m.recall(m.bytes.byte())], // BINGET
  [0x6a, (m) => m.recall(m.bytes.uint32())], // LONG_BINGET
  [0x63, (m) => m.pushGlobal(m.bytes.line(), m.bytes.line())], // GLOBAL
  [0x93, (m) => m.pushStackGlobal()], // STACK_GLOBAL
  [0x51, (m) => m.pushPersistent()], // BINPERSID
  [0x52, (m) => m.call()], // REDUCE
  [0x62, (m) => m.build()], // BUILD
]);

/** Operations with which a pickle makes objects of any class. */
const MAKES_OBJECTS: ReadonlyMap<number, string> = new Map([
  [0x69, "INST"],
  [0x6f, "OBJ"],
  [0x81, "NEWOBJ"],
  [0x92, "NEWOBJ_EX"],
  [0x82, "EXT1"],
  [0x83, "EXT2"],
  [0x84, "EXT4"],
]);

function unknownOperation(code: number, bytes: PickleBytes): CheckpointError {
  const name = MAKES_OBJECTS.get(code);
  const hex = `0x${code.toString(16).padStart(2, "0")}`;
  return new CheckpointError({
    found: `${bytes.what} has the pickle operation ${name ?? hex} at byte ${grouped(bytes.position - 1)}`,
    expected: "only operations that build dicts of tensors",
    advice:
      name === undefined ? GET_AGAIN : "Nothing was run. Save only the weights: torch.save(model.state_dict(), …).",
  });
}
