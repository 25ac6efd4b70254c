/**
 * Byte sources for files that are in memory or that the browser holds.
 *
 * Must stay true: bytes in memory are handed out as views, and a Blob is read piece by piece, so that a model chosen
 * from a disk is never copied as a whole.
 */
import { CheckpointError, GET_AGAIN } from "../errors.ts";
import { grouped, reasonOf } from "./describe.ts";
import type { ByteSource } from "./files.ts";

/**
 * Checks a range before it is read.
 * @throws CheckpointError if `start` to `end` is not a range inside `size` bytes.
 */
export function checkRange(start: number, end: number, size: number, name: string): void {
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start && start <= end && end <= size) return;
  throw new CheckpointError({
    found: `${name} has ${grouped(size)} bytes, and bytes ${start} to ${end} were asked for`,
    expected: "a range inside the file",
    advice: `It is probably cut short. ${GET_AGAIN}`,
  });
}

/** A file that is wholly in memory. What `read` returns is a view of it. */
export class BytesSource implements ByteSource {
  readonly size: number;
  readonly #name: string;
  #bytes: Uint8Array | undefined;

  constructor(bytes: Uint8Array, name: string) {
    this.size = bytes.byteLength;
    this.#bytes = bytes;
    this.#name = name;
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    if (this.#bytes === undefined) throw new CheckpointError({ found: `${this.#name} was closed before it was read` });
    checkRange(start, end, this.size, this.#name);
    return this.#bytes.subarray(start, end);
  }

  async close(): Promise<void> {
    this.#bytes = undefined;
  }
}

/** A Blob, or a File that a person chose in a browser. */
export class BlobSource implements ByteSource {
  readonly size: number;
  readonly #name: string;
  #blob: Blob | undefined;

  constructor(blob: Blob, name: string) {
    this.size = blob.size;
    this.#blob = blob;
    this.#name = name;
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    if (this.#blob === undefined) throw new CheckpointError({ found: `${this.#name} was closed before it was read` });
    checkRange(start, end, this.size, this.#name);
    const bytes = new Uint8Array(await this.#slice(this.#blob, start, end));
    // A File's bytes are fetched from the disk when they are read, and the disk may have changed since it was chosen.
    checkRange(0, end - start, bytes.byteLength, `${this.#name}, from byte ${start},`);
    return bytes;
  }

  async close(): Promise<void> {
    this.#blob = undefined;
  }

  async #slice(blob: Blob, start: number, end: number): Promise<ArrayBuffer> {
    try {
      return await blob.slice(start, end).arrayBuffer();
    } catch (cause) {
      throw new CheckpointError({
        found: `${this.#name} cannot be read (${reasonOf(cause)})`,
        advice: "Choose the file again: it was moved or changed after it was chosen.",
        cause,
      });
    }
  }
}
