/**
 * Merges concurrent reads of one file into few system calls: reading 200 tensors one by one takes three times as long
 * as reading the whole file.
 *
 * Must stay true: only adjacent reads of one turn of the event loop are merged, into at most `MAX_MERGED` bytes,
 * because each result is a view that keeps its whole merged range in memory.
 */

/** Reads bytes [start, end) into a new array. */
export type ReadRange = (start: number, end: number) => Promise<Uint8Array>;

interface PendingRead {
  readonly start: number;
  readonly end: number;
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (reason: unknown) => void;
}

/** Bytes; bounded also so that several threads read a large file. */
const MAX_MERGED = 2 ** 23;

export class MergedReads {
  readonly #readRange: ReadRange;
  #pending: PendingRead[] = [];

  constructor(readRange: ReadRange) {
    this.#readRange = readRange;
  }

  /** The result may be a view of a larger, merged range. */
  read(start: number, end: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#pending.length === 0) setImmediate(() => this.#flush());
      this.#pending.push({ start, end, resolve, reject });
    });
  }

  #flush(): void {
    const sorted = this.#pending.sort((a, b) => a.start - b.start);
    this.#pending = [];
    for (const group of groupAdjacent(sorted)) void this.#readGroup(group);
  }

  async #readGroup(group: readonly PendingRead[]): Promise<void> {
    const start = (group[0] as PendingRead).start;
    try {
      const bytes = await this.#readRange(start, (group.at(-1) as PendingRead).end);
      for (const read of group) read.resolve(bytes.subarray(read.start - start, read.end - start));
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
}

function groupAdjacent(sorted: readonly PendingRead[]): PendingRead[][] {
  const groups: PendingRead[][] = [];
  for (const read of sorted) {
    const group = groups.at(-1);
    const first = group?.[0];
    const isAdjacent = first !== undefined && group?.at(-1)?.end === read.start && read.end - first.start <= MAX_MERGED;
    if (isAdjacent) group?.push(read);
    else groups.push([read]);
  }
  return groups;
}
