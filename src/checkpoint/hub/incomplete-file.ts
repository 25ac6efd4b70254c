/**
 * A file being downloaded: written sequentially to a temporary name, and hashed meanwhile.
 *
 * Must stay true: it gets its final name only by `moveTo`, which first syncs every byte to disk.
 */
import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { incompleteName } from "./hub-cache.ts";
import type { RemoteFile } from "./hub-client.ts";

export class IncompleteFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #file: RemoteFile;
  #hash: Hash;
  #written = 0;

  private constructor(path: string, handle: FileHandle, file: RemoteFile) {
    this.#path = path;
    this.#handle = handle;
    this.#file = file;
    this.#hash = newHash(file);
  }

  /** @param blob the final path. */
  static async create(blob: string, file: RemoteFile): Promise<IncompleteFile> {
    const path = incompleteName(blob);
    return new IncompleteFile(path, await open(path, "wx"), file);
  }

  get written(): number {
    return this.#written;
  }

  get isWhole(): boolean {
    return this.#written === this.#file.size;
  }

  async append(chunk: Uint8Array): Promise<void> {
    this.#hash.update(chunk);
    let done = 0;
    while (done < chunk.length) {
      done += (await this.#handle.write(chunk, done, chunk.length - done, this.#written + done)).bytesWritten;
    }
    this.#written += chunk.length;
  }

  /** Discards all bytes. */
  async restart(): Promise<void> {
    await this.#handle.truncate(0);
    this.#hash = newHash(this.#file);
    this.#written = 0;
  }

  /** Whether the bytes match the etag. */
  isGenuine(): boolean {
    return this.#hash.copy().digest("hex") === this.#file.etag;
  }

  async moveTo(path: string): Promise<void> {
    // Otherwise a power failure could leave the name without the bytes.
    await this.#handle.datasync();
    await this.#handle.close();
    await rename(this.#path, path);
  }

  /** Closes and removes the file; does nothing after `moveTo`. */
  async discard(): Promise<void> {
    await this.#handle.close();
    await rm(this.#path, { force: true });
  }
}

/** Git hashes a header with the size before the bytes. */
export function newHash({ hash, size }: RemoteFile): Hash {
  return hash === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}
