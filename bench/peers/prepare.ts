/**
 * What the contestants need, made on first use: the peers' packages, as their lock file says, and our model as ONNX.
 *
 * Must stay true: nothing of it lands in fusebert's own dependencies, and a run leaves nothing behind but the packages.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { exportOnnx } from "../../src/export/export-onnx.ts";

export const peersFolder = fileURLToPath(new URL(".", import.meta.url));

/** Installs the peers' packages, some 600 MB, unless they are there. */
export async function installPeers(): Promise<void> {
  if (existsSync(join(peersFolder, "node_modules", ".package-lock.json"))) return;
  console.error("Installing the peers' packages (once, 600 MB)…");
  await promisify(execFile)("npm", ["ci"], { cwd: peersFolder });
}

export interface ModelFolder extends AsyncDisposable {
  readonly folder: string;
}

/** The built-in model, exported in float32 to a folder that is removed in the end. */
export async function exportModel(): Promise<ModelFolder> {
  console.error("Exporting the model…");
  const folder = await mkdtemp(join(tmpdir(), "fusebert-bench-"));
  const { files } = await exportOnnx();
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
