/**
 * Builds the package for the tests that run it as it is shipped: the command, the packed package, a browser application.
 *
 *     await builtPackage(); // `dist/` is that of the sources
 *
 * The build takes seconds, so it happens only where it is asked for, and only if `dist/` is not that of the sources
 * already: what was built from what is kept in node_modules/.cache.
 *
 * Must stay true: during a run of Vitest the package is built at most once, whatever happens to the sources meanwhile, and
 * no worker uses `dist/` while another one builds it.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";
import { InputError } from "../../src/errors.ts";
import { LockFile } from "../../src/files/lock-file.ts";
import { repositoryRoot } from "./golden.ts";

/** Names the run of Vitest in the environment of its workers. */
const runVariable = "FUSEBERT_TEST_RUN";

const cacheFolder = join(repositoryRoot, "node_modules", ".cache");
/** Of this working tree: several may share one node_modules. */
const treeName = createHash("sha256").update(repositoryRoot).digest("hex").slice(0, 8);
const stateFile = join(cacheFolder, `built-package-${treeName}.json`);
/** What the build reads, beside `src/` and `tools/build/`. */
const settings = ["package.json", "package-lock.json", "tsconfig.json", "tsdown.config.ts"];

interface BuildState {
  /** In which the package was last built or found to be up to date. */
  readonly run: string | undefined;
  readonly sources: string;
  readonly output: string;
  /** Why there is no package. */
  readonly failure?: string;
}

/** Vitest's global setup: a run begins, and in watch mode another one. */
export function setup(project: TestProject): void {
  let runs = 0;
  const begin = () => {
    process.env[runVariable] = `${process.pid}-${Date.now()}-${runs++}`;
  };
  begin();
  project.onTestsRerun(begin);
}

/** @throws Error with what the build printed, in every test file of the run, if it fails. */
export async function builtPackage(): Promise<void> {
  const run = process.env[runVariable];
  if (isOf(run, await readState())) return;
  const lock = await takeLock();
  try {
    if (isOf(run, await readState())) return;
    const sources = await sourcesHash();
    const before = await readState();
    const isUpToDate =
      before?.sources === sources && before.failure === undefined && before.output === (await outputHash());
    const failure = isUpToDate ? undefined : await build();
    await writeState({ run, sources, output: await outputHash(), ...(failure !== undefined && { failure }) });
    if (failure !== undefined) throw new Error(failure);
  } finally {
    await lock.release();
  }
}

/** Whether the run has built the package already. */
function isOf(run: string | undefined, state: BuildState | undefined): boolean {
  if (run === undefined || state?.run !== run) return false;
  if (state.failure !== undefined) throw new Error(state.failure);
  return true;
}

/** @returns why it failed. */
async function build(): Promise<string | undefined> {
  try {
    await promisify(execFile)("npm", ["run", "--silent", "build"], { cwd: repositoryRoot });
    return undefined;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { readonly stdout?: string; readonly stderr?: string };
    return `npm run build failed:\n${stdout}${stderr}`;
  }
}

/** Far more than a build takes. */
const longestWaitMs = 300_000;

async function takeLock(): Promise<LockFile> {
  await mkdir(cacheFolder, { recursive: true });
  for (const started = Date.now(); ; ) {
    try {
      return await LockFile.take(`${stateFile}.lock`, "the build of the package");
    } catch (error) {
      if (!(error instanceof InputError) || Date.now() - started > longestWaitMs) throw error;
      await sleep(50);
    }
  }
}

async function readState(): Promise<BuildState | undefined> {
  try {
    return JSON.parse(await readFile(stateFile, "utf8")) as BuildState;
  } catch {
    return undefined;
  }
}

const writeState = (state: BuildState): Promise<void> => writeFile(stateFile, JSON.stringify(state));

/** Of the content of everything that is built from. */
async function sourcesHash(): Promise<string> {
  const sources = (await filesIn("src")).filter((path) => /(?<!\.test)\.ts$/.test(path));
  sources.push(...(await filesIn("tools/build")));
  const hash = createHash("sha256");
  for (const path of [...settings, ...sources]) {
    hash
      .update(`${path}\0`)
      .update(await readFile(join(repositoryRoot, path)))
      .update("\0");
  }
  return hash.digest("hex");
}

/** Of the names, sizes and times of what was built: another build, or somebody else's change, makes it another one. */
async function outputHash(): Promise<string> {
  const hash = createHash("sha256");
  for (const path of ["THIRD_PARTY_LICENSES", ...(await filesIn("dist").catch(() => []))]) {
    const file = await stat(join(repositoryRoot, path)).catch(() => undefined);
    hash.update(`${path}\0${file?.size}\0${file?.mtimeMs}\0`);
  }
  return hash.digest("hex");
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(join(repositoryRoot, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(repositoryRoot.length))
    .sort();
}
