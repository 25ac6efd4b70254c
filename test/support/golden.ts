/**
 * The golden data under test/fixtures: what PyTorch in float64, and Hugging Face's own BERT, computed.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
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

/** Every tensor of a golden file, by its name. */
export async function readGolden(path: string): Promise<Map<string, Tensor>> {
  const files = new MemoryFiles({ golden: await readFile(`${goldenFolder}/${path}`) });
  const source = await files.open("golden");
  if (source === undefined) throw new Error(`${path} is missing`);
  const file = await openSafetensors(source, path);
  const tensors = new Map<string, Tensor>();
  for (const name of file.tensors.keys()) tensors.set(name, await file.read(name));
  return tensors;
}

export async function readGoldenJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(`${goldenFolder}/${path}`, "utf8")) as T;
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
