/**
 * The golden data under test/fixtures: what PyTorch in float64, and Hugging Face's own BERT, computed.
 *
 * Large files are stored compressed with Brotli, as `NAME.br`; every function here takes the name without it.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { type Checkpoint, openCheckpoint } from "../../src/architectures/checkpoint.ts";
import { MemoryFiles } from "../../src/checkpoint/memory-files.ts";
import { FolderFiles } from "../../src/checkpoint/node/folder-files.ts";
import { openSafetensors } from "../../src/checkpoint/safetensors.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

export const repositoryRoot = fileURLToPath(new URL("../..", import.meta.url));
export const goldenFolder = `${repositoryRoot}test/fixtures/golden`;
export const builtInFolder = `${repositoryRoot}models/builtin`;

/** A small random BERT of odd shape: 96 wide, 3 heads, 3 layers. */
export const openRandomOdd = (): Promise<Checkpoint> => openCheckpoint(new FolderFiles(`${goldenFolder}/random-odd`));
export const openBuiltIn = (): Promise<Checkpoint> => openCheckpoint(new FolderFiles(builtInFolder));

/** A golden file, decompressed if it is stored compressed. */
export async function readGoldenBytes(path: string): Promise<Buffer> {
  const file = `${goldenFolder}/${path}`;
  return existsSync(file) ? readFile(file) : brotliDecompressSync(await readFile(`${file}.br`));
}

/** Writes a golden file to the same path under `folder`, for code that takes a path. @returns that path. */
export async function unpackGolden(path: string, folder: string): Promise<string> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, await readGoldenBytes(path));
  return file;
}

/** Every tensor of a golden file, by its name. */
export async function readGolden(path: string): Promise<Map<string, Tensor>> {
  const files = new MemoryFiles({ golden: await readGoldenBytes(path) });
  const source = await files.open("golden");
  if (source === undefined) throw new Error(`${path} is missing`);
  const file = await openSafetensors(source, path);
  const tensors = new Map<string, Tensor>();
  for (const name of file.tensors.keys()) tensors.set(name, await file.read(name));
  return tensors;
}

export async function readGoldenJson<T>(path: string): Promise<T> {
  return JSON.parse((await readGoldenBytes(path)).toString("utf8")) as T;
}

export function required<T>(value: T | undefined, what = "value"): T {
  if (value === undefined) throw new Error(`${what} is missing`);
  return value;
}

/** 0, 1, 2, … in every row. */
export function positionIds(batch: number, sequence: number): Tensor<"i32"> {
  const data = Int32Array.from({ length: batch * sequence }, (_, index) => index % sequence);
  return { dtype: "i32", shape: [batch, sequence], data };
}
