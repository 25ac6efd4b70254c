/**
 * A model whose files the program already holds: bytes in memory, or Files that a person chose in a browser.
 */
import { BlobSource, BytesSource } from "./byte-sources.ts";
import type { ByteSource, ModelFiles } from "./files.ts";

/** What one file may be given as. A `File` is a `Blob`. */
export type FileContent = Uint8Array | ArrayBuffer | Blob;

/** Files by their path inside the model: `{ "config.json": file, "model.safetensors": otherFile }`. */
export class MemoryFiles implements ModelFiles {
  readonly name: string;
  readonly #files: ReadonlyMap<string, FileContent>;

  /**
   * @param files are not copied: do not change their bytes while the model is open.
   * @param name appears in messages and results.
   */
  constructor(files: Readonly<Record<string, FileContent>>, name = "model in memory") {
    // A map, because a record would also answer to names like "constructor".
    this.#files = new Map(Object.entries(files));
    this.name = name;
  }

  async open(path: string): Promise<ByteSource | undefined> {
    const content = this.#files.get(path);
    if (content === undefined) return undefined;
    const name = `${this.name}/${path}`;
    if (content instanceof Blob) return new BlobSource(content, name);
    return new BytesSource(content instanceof Uint8Array ? content : new Uint8Array(content), name);
  }
}
