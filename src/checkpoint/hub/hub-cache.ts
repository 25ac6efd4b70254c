/**
 * The folder of one model in the cache of Python's huggingface_hub:
 *
 *     models--owner--name/
 *       blobs/<etag>                     the bytes, named by their hash
 *       snapshots/<commit>/<path>        a symbolic link to them
 *       refs/<revision>                  the last known commit of a branch or tag
 *       .no_exist/<commit>/<path>        empty: the commit has no such file
 *
 * The library's `downloadFileToCacheDir` is not used, because it stores each file under the commit that last changed it
 * instead of the revision's commit, so that neither Python nor it finds a model again; neither writes nor reads refs;
 * sends requests for cached files; and downloads to a name shared by all processes, without checking length or hash.
 *
 * Must stay true: a name in `blobs` or `snapshots` appears only after all its bytes are on disk.
 */
import { randomBytes } from "node:crypto";
import { copyFile, link, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { getRepoFolderName } from "@huggingface/hub";
import { cacheFailure } from "./hub-errors.ts";
import { isCommit } from "./repo-id.ts";

/** A temporary file not written for this long was left by a killed process. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

export class HubCache {
  /** The folder of all models, for messages. */
  readonly root: string;
  readonly #folder: string;

  constructor(root: string, repo: string) {
    this.root = root;
    this.#folder = join(root, getRepoFolderName({ type: "model", name: repo }));
  }

  /** The folder with the downloaded files of a commit. */
  snapshot(commit: string): string {
    return join(this.#folder, "snapshots", commit);
  }

  /** The path of the bytes with this hash. */
  blob(etag: string): string {
    return join(this.#folder, "blobs", etag);
  }

  async hasFile(commit: string, path: string): Promise<boolean> {
    return (await sizeOf(join(this.snapshot(commit), path))) !== undefined;
  }

  /** The cached files of a commit, as paths inside the model. */
  async filesOf(commit: string): Promise<string[]> {
    const folder = this.snapshot(commit);
    const found = await readdir(folder, { recursive: true }).catch(() => []);
    const paths = found.map((path) => path.replaceAll("\\", "/"));
    // Excludes dangling links.
    const present = await Promise.all(paths.map((path) => this.hasFile(commit, path)));
    return paths.filter((_, index) => present[index]);
  }

  /** The last known commit of a revision. */
  async readRef(revision: string): Promise<string | undefined> {
    const text = await readFile(join(this.#folder, "refs", revision), "utf8").catch(() => "");
    return isCommit(text.trim()) ? text.trim() : undefined;
  }

  /**
   * Stores the commit of a revision. To be called after the commit has a snapshot, because Python treats dangling refs
   * as damage. Failures, as in a read-only cache, are ignored.
   */
  async writeRef(revision: string, commit: string): Promise<void> {
    if (revision === commit || (await this.readRef(revision)) === commit) return;
    const path = join(this.#folder, "refs", revision);
    await ignoringErrors(async () => {
      await mkdir(dirname(path), { recursive: true });
      await createAtomically(path, (temporary) => writeFile(temporary, commit));
    });
  }

  async knowsMissing(commit: string, path: string): Promise<boolean> {
    return (await sizeOf(this.#noExist(commit, path))) !== undefined;
  }

  /** Stores that the commit has no such file, for use offline. */
  async rememberMissing(commit: string, path: string): Promise<void> {
    const marker = this.#noExist(commit, path);
    await ignoringErrors(async () => {
      await mkdir(dirname(marker), { recursive: true });
      await writeFile(marker, "");
    });
  }

  /**
   * Creates the blobs folder, and removes what killed downloads of this blob left.
   * @throws DownloadError if the cache cannot be written.
   */
  async prepare(etag: string): Promise<void> {
    const folder = dirname(this.blob(etag));
    await this.guarded(() => mkdir(folder, { recursive: true }));
    await ignoringErrors(async () => {
      const leftovers = (await readdir(folder)).filter((name) => isIncomplete(name, etag));
      await Promise.all(leftovers.map((name) => removeAbandoned(join(folder, name))));
    });
  }

  /**
   * Links a file of the snapshot to the blob.
   * @throws DownloadError if the cache cannot be written.
   */
  async linkFile(commit: string, path: string, etag: string): Promise<void> {
    const blob = this.blob(etag);
    const pointer = join(this.snapshot(commit), path);
    await this.guarded(async () => {
      await mkdir(dirname(pointer), { recursive: true });
      await createAtomically(pointer, (temporary) => linkOrCopy(blob, temporary));
    });
  }

  /** Runs a file operation and turns its failure into a DownloadError about the cache. */
  async guarded<T>(operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } catch (cause) {
      throw cacheFailure(cause, this.root);
    }
  }

  #noExist(commit: string, path: string): string {
    return join(this.#folder, ".no_exist", commit, path);
  }
}

/** A unique temporary name next to `path`, in Python's pattern. */
export function incompleteName(path: string): string {
  return `${path}.${randomBytes(4).toString("hex")}.incomplete`;
}

function isIncomplete(name: string, etag: string): boolean {
  return name.startsWith(`${etag}.`) && /^\.[0-9a-f]{8}\.incomplete$/.test(name.slice(etag.length));
}

async function removeAbandoned(path: string): Promise<void> {
  const { mtimeMs } = await stat(path);
  if (Date.now() - mtimeMs > ABANDONED_MS) await rm(path, { force: true });
}

/** Creates a file under a temporary name, then renames it atomically, replacing any existing file. */
async function createAtomically(path: string, create: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = incompleteName(path);
  try {
    await create(temporary);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Falls back to a hard link or a copy: Windows restricts symbolic links, and some file systems have no links. */
async function linkOrCopy(blob: string, path: string): Promise<void> {
  try {
    // Relative, so that the link stays valid if the cache is moved.
    await symlink(join(relative(dirname(path), dirname(blob)), basename(blob)), path);
  } catch {
    await link(blob, path).catch(() => copyFile(blob, path));
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const info = await stat(path);
    return info.isFile() ? info.size : undefined;
  } catch {
    return undefined;
  }
}

async function ignoringErrors(operation: () => Promise<void>): Promise<void> {
  await operation().catch(() => undefined);
}
