/**
 * Opens a local dump: a safetensors file, a .npy file, or a folder of .npy files named after their tensors. Node only.
 *
 * Must stay true: every opened file is closed; only tensors with accepted names are read.
 */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ByteSource } from "../../checkpoint/files.ts";
import { FolderFiles } from "../../checkpoint/node/folder-files.ts";
import { openSafetensors } from "../../checkpoint/safetensors.ts";
import { codeOf, InputError } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { asDumpError, type Dump, readDump, type TargetLayer, type TensorSource } from "../candidate/dump.ts";
import { readNpy } from "../candidate/npy.ts";

const expected = "a .safetensors file, or a folder of .npy files named after their stages (layer.0.query.npy)";

/** @throws InputError if the dump is missing, damaged or in another format; `checkDump` checks that it fits the layer. */
export async function openDump(path: string, layer: TargetLayer): Promise<Dump> {
  try {
    if (await isFolder(path)) return await readDump(await npyFolder(path), layer);
    refuseForeign(path);
    if (path.endsWith(".npy")) return await readDump(npyFiles(path, dirname(path), [basename(path)]), layer);
    const file = await openSafetensors(await openFile(path), path);
    try {
      return await readDump(file, layer);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw asDumpError(error);
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    const code = codeOf(cause);
    const found = code === "ENOENT" ? `${path} does not exist` : `${path} cannot be read (${code || String(cause)})`;
    throw new InputError({ found, expected, cause });
  }
}

/** Rejects common formats that are not supported, with advice for each. */
function refuseForeign(path: string): void {
  if (/\.npz$/i.test(path)) {
    const folder = basename(path).replace(/\.npz$/i, "");
    const unpack = `unzip ${basename(path)} -d ${folder}`;
    const advice = `An .npz file is a zip archive of .npy files: unpack it (${unpack}) and name the folder.`;
    throw new InputError({ found: `${path} is a NumPy archive`, expected, advice });
  }
  if (/\.(pt|pth|pkl|pickle|bin)$/i.test(path)) {
    const advice = "A pickle runs code when it is read. Save the tensors with safetensors.torch.save_file instead.";
    throw new InputError({ found: `${path} is a pickle, by its name`, expected, advice });
  }
}

async function npyFolder(path: string): Promise<TensorSource> {
  const files = (await readdir(path)).sort();
  const arrays = files.filter((file) => file.endsWith(".npy"));
  if (arrays.length > 0) return npyFiles(path, path, arrays);
  const other = files.find((file) => file.endsWith(".safetensors"));
  throw new InputError({
    found: `the folder ${path} has no .npy files`,
    expected,
    ...(other === undefined ? {} : { advice: `Did you mean ${join(path, other)}?` }),
  });
}

/** @param name the dump's name in messages. */
function npyFiles(name: string, folder: string, files: readonly string[]): TensorSource {
  const tensors = new Map(files.map((file) => [file.replace(/\.npy$/, ""), join(folder, file)]));
  const read = async (tensor: string): Promise<Tensor> => {
    const path = tensors.get(tensor) ?? "";
    const source = await openFile(path);
    try {
      return await readNpy(source, path);
    } finally {
      await source.close();
    }
  };
  return { name, tensors, read };
}

async function openFile(path: string): Promise<ByteSource> {
  const source = await new FolderFiles(dirname(path)).open(basename(path));
  if (source === undefined) throw new InputError({ found: `${path} does not exist any more`, expected });
  return source;
}
