/**
 * Reads of one file that are asked for together, done with as few system calls as there are stretches of the file: 200
 * tensors one after another take three times as long as the whole file at once.
 *
 * Must stay true: what is asked for in one turn of the event loop is merged only where it adjoins, and never into more than
 * `MAX_MERGED` bytes, for a part that is kept keeps the whole stretch in memory.
 */

/** Fills memory of exactly that size with the bytes from `start` up to, not including, `end`. */
export type ReadRange = (start: number, end: number) => Promise<Uint8Array>;

interface Wanted {
  readonly start: number;
  readonly end: number;
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (reason: unknown) => void;
}

/** Several threads read a large file. */
const MAX_MERGED = 2 ** 23;

export class MergedReads {
  readonly #readRange: ReadRange;
  #wanted: Wanted[] = [];

  constructor(readRange: ReadRange) {
    this.#readRange = readRange;
  }

  /** The result is a view of a stretch that holds the neighbours asked for with it. */
  read(start: number, end: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#wanted.length === 0) setImmediate(() => this.#begin());
      this.#wanted.push({ start, end, resolve, reject });
    });
  }

  #begin(): void {
    const wanted = this.#wanted.sort((a, b) => a.start - b.start);
    this.#wanted = [];
    for (const stretch of stretchesOf(wanted)) void this.#readStretch(stretch);
  }

  async #readStretch(parts: readonly Wanted[]): Promise<void> {
    const start = (parts[0] as Wanted).start;
    try {
      const bytes = await this.#readRange(start, (parts.at(-1) as Wanted).end);
      for (const part of parts) part.resolve(bytes.subarray(part.start - start, part.end - start));
    } catch (error) {
      for (const { reject } of parts) reject(error);
    }
  }
}

/** Neighbours that adjoin, in the order of the file. */
function stretchesOf(sorted: readonly Wanted[]): Wanted[][] {
  const stretches: Wanted[][] = [];
  for (const part of sorted) {
    const stretch = stretches.at(-1);
    const first = stretch?.[0];
    const adjoins = first !== undefined && stretch?.at(-1)?.end === part.start && part.end - first.start <= MAX_MERGED;
    if (adjoins) stretch?.push(part);
    else stretches.push([part]);
  }
  return stretches;
}
