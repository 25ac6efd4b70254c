/**
 * Prepares the contestants on first use: installs the peers' packages by their lock file, and exports the model as ONNX.
 *
 * Must stay true: fusebert's own dependencies do not change, and a run leaves nothing behind but the packages.
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

/** Installs the peers' packages, some 600 MB, unless they are installed. */
export async function installPeers(): Promise<void> {
  if (existsSync(join(peersFolder, "node_modules", ".package-lock.json"))) return;
  console.error("Installing the peers' packages (once, 600 MB)…");
  await promisify(execFile)("npm", ["ci"], { cwd: peersFolder });
}

export interface ModelFolder extends AsyncDisposable {
  readonly folder: string;
}

/** Exports the built-in model in float32 to a folder that is removed on disposal. */
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
