/** For tests: byte sources that throw on a read out of range or after closing, and count bytes and closes. */
import type { ByteSource, ModelFiles } from "../files.ts";

export class GuardedSource implements ByteSource {
  readonly size: number;
  readonly #bytes: Uint8Array;
  closed = 0;
  bytesRead = 0;

  constructor(bytes: Uint8Array) {
    this.size = bytes.length;
    this.#bytes = bytes;
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    // Not a CheckpointError, which tests would accept.
    if (!(0 <= start && start <= end && end <= this.size)) throw new RangeError(`read ${start} to ${end}`);
    if (this.closed > 0) throw new Error("read after close");
    this.bytesRead += end - start;
    return this.#bytes.subarray(start, end);
  }

  async close(): Promise<void> {
    this.closed++;
  }
}

/** Records every opened source. */
export class GuardedFiles implements ModelFiles {
  readonly name = "guarded";
  readonly opened: GuardedSource[] = [];
  readonly files: Record<string, Uint8Array>;

  constructor(files: Record<string, Uint8Array>) {
    this.files = files;
  }

  async open(path: string): Promise<GuardedSource | undefined> {
    const bytes = this.files[path];
    if (bytes === undefined) return undefined;
    const source = new GuardedSource(bytes);
    this.opened.push(source);
    return source;
  }

  get leftOpen(): number {
    return this.opened.filter((source) => source.closed === 0).length;
  }
}
