/**
 * Byte sources for bytes in memory and for Blobs.
 *
 * Must stay true: bytes in memory are returned as views, and a Blob is read range by range, so that a model file chosen
 * in a browser is never copied as a whole.
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

/** A file in memory. `read` returns views. */
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

/** A Blob, or a File chosen in a browser. */
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
    // A File is read from disk on demand and may have changed since it was chosen.
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
