/**
 * The installed size of each contestant: the bytes of its packages and all their dependencies.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { peersFolder } from "./prepare.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The packages that users install. */
const installed: Readonly<Record<string, readonly string[]>> = {
  transformers: ["@huggingface/transformers"],
  "onnxruntime-node": ["onnxruntime-node", "@huggingface/tokenizers"],
  "onnxruntime-web": ["onnxruntime-web", "@huggingface/tokenizers"],
};

/** Bytes by contestant, without downloads of install scripts. */
export async function installedSizes(): Promise<ReadonlyMap<string, number>> {
  const alone = await fusebertSize();
  const sizes = new Map<string, number>([["fusebert-wasm", alone]]);
  // Its optional packages, as they are installed here.
  sizes.set("fusebert", alone + (await closureSize(["onnxruntime-node"], root)));
  sizes.set("fusebert-webgpu", alone + (await closureSize(["webgpu"], root)));
  for (const [name, packages] of Object.entries(installed)) sizes.set(name, await closureSize(packages, peersFolder));
  return sizes;
}

/** As packed; it has no dependencies. */
async function fusebertSize(): Promise<number> {
  const { stdout } = await promisify(execFile)("npm", ["pack", "--dry-run", "--json", "--silent"], { cwd: root });
  const [packed] = JSON.parse(stdout) as { readonly unpackedSize: number }[];
  return packed?.unpackedSize ?? Number.NaN;
}

/** Bytes of packages and their dependencies, each counted once, resolved as in Node. */
async function closureSize(names: readonly string[], from: string): Promise<number> {
  const folders = new Map<string, number>();
  const visit = async (name: string, asker: string): Promise<void> => {
    const folder = findPackage(name, asker);
    if (folder === undefined || folders.has(folder)) return;
    folders.set(folder, 0);
    folders.set(folder, await folderSize(folder));
    for (const dependency of await dependenciesOf(folder)) await visit(dependency, folder);
  };
  for (const name of names) await visit(name, from);
  return [...folders.values()].reduce((total, bytes) => total + bytes, 0);
}

/** Undefined for optional packages of other platforms. */
function findPackage(name: string, from: string): string | undefined {
  const folder = join(from, "node_modules", name);
  if (existsSync(join(folder, "package.json"))) return folder;
  const parent = dirname(from);
  return parent === from ? undefined : findPackage(name, parent);
}

async function dependenciesOf(folder: string): Promise<string[]> {
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
    await readFile(join(folder, "package.json"), "utf8"),
  ) as Record<string, Record<string, string>>;
  return Object.keys({ ...dependencies, ...optionalDependencies });
}

/** Without nested packages, which are visited as dependencies. */
async function folderSize(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += entry.name === "node_modules" ? 0 : await folderSize(path);
    else bytes += (await stat(path)).size;
  }
  return bytes;
}
