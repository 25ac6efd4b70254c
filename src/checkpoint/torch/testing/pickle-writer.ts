/**
 * For tests: writes pickles as Python's pickler does under protocol 2, operation by operation.
 *
 * Must stay true: a checkpoint's pickle is byte for byte PyTorch's (`torch-file.test.ts` compares them).
 */

const BATCH = 1000;

export class PickleWriter {
  readonly #bytes: number[] = [0x80, 2];
  /** Numbers in the memo of texts and globals, by what they are. */
  readonly #memo = new Map<string, number>();
  #memoized = 0;

  /** Any bytes: for pickles that Python would not write. */
  raw(...bytes: readonly number[]): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  ascii(text: string): this {
    return this.raw(...new TextEncoder().encode(text));
  }

  text(text: string): this {
    if (this.#recall(`text ${text}`)) return this;
    const bytes = new TextEncoder().encode(text);
    return this.raw(0x58, ...u32(bytes.length), ...bytes).#memoize(`text ${text}`);
  }

  global(module: string, name: string): this {
    if (this.#recall(`${module} ${name}`)) return this;
    return this.ascii(`c${module}\n${name}\n`).#memoize(`${module} ${name}`);
  }

  none(): this {
    return this.raw(0x4e);
  }

  boolean(value: boolean): this {
    return this.raw(value ? 0x88 : 0x89);
  }

  integer(value: number | bigint): this {
    if (value >= 0 && value < 2 ** 8) return this.raw(0x4b, Number(value));
    if (value >= 0 && value < 2 ** 16) return this.raw(0x4d, Number(value) & 0xff, Number(value) >> 8);
    if (value >= -(2 ** 31) && value < 2 ** 31) return this.raw(0x4a, ...u32(Number(value)));
    const bytes: number[] = [];
    let rest = BigInt(value);
    do {
      bytes.push(Number(rest & 0xffn));
      rest >>= 8n;
    } while (!isSign(rest, bytes.at(-1) ?? 0));
    return this.raw(0x8a, bytes.length, ...bytes);
  }

  /** @param items write one value each. */
  tuple(...items: readonly (() => void)[]): this {
    if (items.length === 0) return this.raw(0x29);
    if (items.length > 3) this.raw(0x28);
    for (const item of items) item();
    return this.raw(items.length > 3 ? 0x74 : 0x84 + items.length).#memoize();
  }

  integers(values: readonly (number | bigint)[]): this {
    return this.tuple(...values.map((value) => () => this.integer(value)));
  }

  list(items: readonly (() => void)[]): this {
    this.raw(0x5d).#memoize();
    return this.#inBatches(items, 0x61, 0x65);
  }

  /** @param entries write a key and a value each. */
  dict(entries: readonly (() => void)[]): this {
    this.raw(0x7d).#memoize();
    return this.#inBatches(entries, 0x73, 0x75);
  }

  orderedDict(entries: readonly (() => void)[] = []): this {
    this.global("collections", "OrderedDict").tuple().reduce();
    return this.#inBatches(entries, 0x73, 0x75);
  }

  /** Calls the global before the tuple on the stack. */
  reduce(): this {
    return this.raw(0x52).#memoize();
  }

  persistent(): this {
    return this.raw(0x51);
  }

  build(): this {
    return this.raw(0x62);
  }

  finish(): Uint8Array {
    return Uint8Array.from([...this.#bytes, 0x2e]);
  }

  #inBatches(items: readonly (() => void)[], one: number, many: number): this {
    for (let at = 0; at < items.length; at += BATCH) {
      const batch = items.slice(at, at + BATCH);
      if (batch.length > 1) this.raw(0x28);
      for (const item of batch) item();
      this.raw(batch.length > 1 ? many : one);
    }
    return this;
  }

  #memoize(what?: string): this {
    const number = this.#memoized++;
    if (what !== undefined) this.#memo.set(what, number);
    return number < 256 ? this.raw(0x71, number) : this.raw(0x72, ...u32(number));
  }

  #recall(what: string): boolean {
    const number = this.#memo.get(what);
    if (number === undefined) return false;
    if (number < 256) this.raw(0x68, number);
    else this.raw(0x6a, ...u32(number));
    return true;
  }
}

/** Whether a number is written as a whole: what is left is its sign, and its last byte has the same. */
function isSign(rest: bigint, last: number): boolean {
  return (rest === 0n && last < 0x80) || (rest === -1n && last >= 0x80);
}

function u32(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >>> 24) & 0xff];
}
