/**
 * A file that is being downloaded: written from its start on under a name of its own, and hashed as it grows.
 *
 * Must stay true: it gets its real name only through `moveTo`, which first brings every byte to the disk.
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

  /** @param blob the path that the file is to have one day. */
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

  /** Forgets all bytes. */
  async restart(): Promise<void> {
    await this.#handle.truncate(0);
    this.#hash = newHash(this.#file);
    this.#written = 0;
  }

  /** Whether the bytes are those that the etag promises. */
  isGenuine(): boolean {
    return this.#hash.copy().digest("hex") === this.#file.etag;
  }

  async moveTo(path: string): Promise<void> {
    // Otherwise a power cut could leave the name without the bytes.
    await this.#handle.datasync();
    await this.#handle.close();
    await rename(this.#path, path);
  }

  /** Closes and removes it; does nothing once it was moved. */
  async discard(): Promise<void> {
    await this.#handle.close();
    await rm(this.#path, { force: true });
  }
}

/** Git hashes the bytes after a header with their number. */
export function newHash({ hash, size }: RemoteFile): Hash {
  return hash === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}
