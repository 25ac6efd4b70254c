/** A model whose files are bytes in memory, or Files chosen in a browser. */
import { checkString, describeArgument, isRecord } from "../arguments.ts";
import { InputError } from "../errors.ts";
import { BlobSource, BytesSource } from "./byte-sources.ts";
import type { ByteSource, ModelFiles } from "./files.ts";

/** Includes `File`, which is a `Blob`, and Node's `Buffer`, which is a `Uint8Array`. */
export type FileContent = Uint8Array | ArrayBuffer | Blob;

/** Files by their path inside the model: `{ "config.json": file, "model.safetensors": otherFile }`. */
export class MemoryFiles implements ModelFiles {
  readonly name: string;
  readonly #files: ReadonlyMap<string, FileContent>;

  /**
   * @param files not copied: do not change their bytes while the model is open.
   * @param name for messages and results.
   * @throws InputError unless every file is bytes or a Blob.
   */
  constructor(files: Readonly<Record<string, FileContent>>, name = "model in memory") {
    checkFiles(files);
    checkString("name", name);
    // A map, because a record also has names such as "constructor".
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

const contentClasses = ["Uint8Array", "ArrayBuffer", "SharedArrayBuffer", "Blob", "File"];

function checkFiles(files: unknown): void {
  if (!isRecord(files) || Symbol.iterator in files) {
    throw new InputError({
      found: `the files are ${isRecord(files) ? "a collection" : describeArgument(files)}`,
      expected: 'an object with the content of each file by its path: { "config.json": bytes, … }',
    });
  }
  for (const [path, content] of Object.entries(files)) {
    // By class name, because `instanceof` fails for objects of another realm.
    if (contentClasses.includes(Object.prototype.toString.call(content).slice(8, -1))) continue;
    throw new InputError({
      found: `the file ${describeArgument(path)} is ${describeArgument(content)}`,
      expected: "a Uint8Array, an ArrayBuffer or a Blob",
    });
  }
}
