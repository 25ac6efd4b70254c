/**
 * Unpacks `@sparticuz/chromium` for the tests: Chromium, SwiftShader (a GPU computed by the CPU), fonts and the
 * libraries that a bare system lacks.
 *
 * The package brings them as archives and unpacks them into the temporary folder, where two processes at once would use
 * each other's half-written files. Here a process of its own unpacks them into a fresh folder, which gets its place
 * below node_modules/.cache in one step; `npm ci` clears it away.
 *
 * Must stay true: a folder that has its place is whole.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { repositoryRoot } from "./golden.ts";

/** Why what the package brings does not run here; `undefined` where it does. */
export function missingHere(what: string): string | undefined {
  if (process.platform === "linux" && process.arch === "x64") return undefined;
  return `${what} is built for Linux on x64, and this is ${process.platform} on ${process.arch}`;
}

/** @returns the folder that holds `chromium`, its libraries and fonts; unpacked once a version of the package. */
export async function unpackChromium(): Promise<string> {
  const manifest = await readFile(join(repositoryRoot, "node_modules/@sparticuz/chromium/package.json"), "utf8");
  const { version } = JSON.parse(manifest) as { version: string };
  const cache = join(repositoryRoot, "node_modules", ".cache");
  const folder = join(cache, `chromium-${version}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(`${folder}-`);
  try {
    await unpackInto(fresh);
    await rename(fresh, folder);
  } catch (error) {
    // Another process may have been faster.
    if (!existsSync(folder)) throw error;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return folder;
}

/** The package looks at the environment for where to unpack to, and for whether the system lacks libraries. */
async function unpackInto(folder: string): Promise<void> {
  const script = 'import chromium from "@sparticuz/chromium"; await chromium.executablePath();';
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: repositoryRoot,
    env: { ...process.env, TMPDIR: folder, AWS_EXECUTION_ENV: "AWS_Lambda_nodejs22.x" },
  });
}
