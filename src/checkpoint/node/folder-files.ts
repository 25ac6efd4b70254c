/**
 * A model in a local folder. Node only.
 *
 * Must stay true: bytes are read by position, and a handle is open only between `open` and `close`. Symbolic links are
 * followed, because the hub's cache consists of them.
 */
import { type FileHandle, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError, codeOf } from "../../errors.ts";
import { checkRange } from "../byte-sources.ts";
import { reasonOf } from "../describe.ts";
import type { ByteSource, ModelFiles } from "../files.ts";
import { MergedReads } from "./merged-reads.ts";

/** Bytes of one system call, whose length is a signed 32-bit number. */
const MAX_READ = 2 ** 30;

export class FolderFiles implements ModelFiles {
  readonly name: string;

  /** @param folder checked when the first file is opened. */
  constructor(folder: string) {
    this.name = folder.length > 1 ? folder.replace(/\/+$/, "") : folder;
  }

  /**
   * @throws CheckpointError if the path is not an ordinary file or not readable, or the folder is missing or a file.
   */
  async open(path: string): Promise<ByteSource | undefined> {
    const full = join(this.name, path);
    try {
      // Checked first, because opening a named pipe waits for a writer.
      if (!(await stat(full)).isFile()) throw notAFile(full);
      return await HandleSource.open(full);
    } catch (error) {
      if (!isMissing(error)) throw unreadable(full, error);
      await this.#checkFolder();
      return undefined;
    }
  }

  async #checkFolder(): Promise<void> {
    let isFolder: boolean;
    try {
      isFolder = (await stat(this.name)).isDirectory();
    } catch (cause) {
      if (!isMissing(cause)) throw unreadable(this.name, cause);
      throw new CheckpointError({
        found: `The folder ${this.name} does not exist`,
        expected: "a folder with config.json and model.safetensors",
        advice: "Check the path.",
        cause,
      });
    }
    if (isFolder) return;
    throw new CheckpointError({
      found: `${this.name} is a file`,
      expected: "the folder that holds config.json and model.safetensors",
      advice: "Name the folder, not a file in it.",
    });
  }
}

class HandleSource implements ByteSource {
  readonly size: number;
  readonly #name: string;
  readonly #reads = new MergedReads((start, end) => this.#readRange(start, end));
  #handle: FileHandle | undefined;

  private constructor(handle: FileHandle, size: number, name: string) {
    this.#handle = handle;
    this.size = size;
    this.#name = name;
  }

  static async open(path: string): Promise<HandleSource> {
    const handle = await open(path, "r");
    try {
      return new HandleSource(handle, (await handle.stat()).size, path);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    checkRange(start, end, this.size, this.#name);
    return this.#reads.read(start, end);
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  async #readRange(start: number, end: number): Promise<Uint8Array> {
    const handle = this.#handle;
    if (handle === undefined) throw new CheckpointError({ found: `${this.#name} was closed before it was read` });
    const bytes = new Uint8Array(end - start);
    try {
      await this.#fill(handle, bytes, start);
    } catch (error) {
      throw unreadable(this.#name, error);
    }
    return bytes;
  }

  async #fill(handle: FileHandle, bytes: Uint8Array, start: number): Promise<void> {
    let filled = 0;
    while (filled < bytes.length) {
      const length = Math.min(bytes.length - filled, MAX_READ);
      const { bytesRead } = await handle.read(bytes, filled, length, start + filled);
      if (bytesRead === 0) {
        throw new CheckpointError({
          found: `${this.#name} ends at byte ${start + filled}`,
          expected: `${this.size} bytes, as when it was opened`,
          advice: "Open the model again: the file was changed meanwhile.",
        });
      }
      filled += bytesRead;
    }
  }
}

/** ENOTDIR: part of the path is a file. */
function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

function notAFile(path: string): CheckpointError {
  return new CheckpointError({
    found: `${path} is not a file`,
    expected: "an ordinary file",
    advice: "Replace it by the model's file.",
  });
}

function unreadable(path: string, cause: unknown): CheckpointError {
  if (cause instanceof CheckpointError) return cause;
  const code = codeOf(cause);
  if (code === "EACCES" || code === "EPERM") {
    const advice = "Give your user the right to read it.";
    return new CheckpointError({ found: `${path} may not be read (${code})`, advice, cause });
  }
  return new CheckpointError({
    found: `${path} cannot be read (${reasonOf(cause)})`,
    advice: "Check the disk and the path.",
    cause,
  });
}
