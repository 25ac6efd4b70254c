/**
 * The folder of one model in the cache that Python's huggingface_hub keeps, and how a file gets into it:
 *
 *     models--owner--name/
 *       blobs/<etag>                     the bytes, named by their hash
 *       snapshots/<commit>/<path>        a symbolic link to them
 *       refs/<revision>                  the commit that a branch or tag was when it was last asked for
 *       .no_exist/<commit>/<path>        empty: the commit has no such file
 *
 * The library's own `downloadFileToCacheDir` is not used. It files each file under the commit that last changed it
 * instead of the one the revision stands for, so that neither Python nor it finds a model again; it writes no refs and
 * never reads them; it asks the network for what it has; and it downloads under a name shared by all processes, without
 * checking length or hash.
 *
 * Must stay true: a name in `blobs` or `snapshots` appears only when all its bytes are on the disk.
 */
import { randomBytes } from "node:crypto";
import { copyFile, link, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { getRepoFolderName } from "@huggingface/hub";
import { cacheFailure } from "./hub-errors.ts";
import { isCommit } from "./repo-id.ts";

/** A download that nobody has written to for this long was left behind by a process that was killed. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

export class HubCache {
  /** The folder of all models, for messages. */
  readonly root: string;
  readonly #folder: string;

  constructor(root: string, repo: string) {
    this.root = root;
    this.#folder = join(root, getRepoFolderName({ type: "model", name: repo }));
  }

  /** The folder that looks like the repository at a commit, as far as it has been downloaded. */
  snapshot(commit: string): string {
    return join(this.#folder, "snapshots", commit);
  }

  /** Where the bytes with this hash are, or would be. */
  blob(etag: string): string {
    return join(this.#folder, "blobs", etag);
  }

  async hasFile(commit: string, path: string): Promise<boolean> {
    return (await sizeOf(join(this.snapshot(commit), path))) !== undefined;
  }

  /** The files of the commit that are here, as paths inside the model. */
  async filesOf(commit: string): Promise<string[]> {
    const folder = this.snapshot(commit);
    const found = await readdir(folder, { recursive: true }).catch(() => []);
    const paths = found.map((path) => path.replaceAll("\\", "/"));
    // A link whose bytes are gone is no file.
    const present = await Promise.all(paths.map((path) => this.hasFile(commit, path)));
    return paths.filter((_, index) => present[index]);
  }

  /** The commit that the revision was when it was last asked for. */
  async readRef(revision: string): Promise<string | undefined> {
    const text = await readFile(join(this.#folder, "refs", revision), "utf8").catch(() => "");
    return isCommit(text.trim()) ? text.trim() : undefined;
  }

  /**
   * Remembers what the revision is. Called only once the commit has a snapshot: Python takes a cache whose refs lead
   * nowhere for damaged. A cache that may only be read is no obstacle.
   */
  async writeRef(revision: string, commit: string): Promise<void> {
    if (revision === commit || (await this.readRef(revision)) === commit) return;
    const path = join(this.#folder, "refs", revision);
    await ignoringErrors(async () => {
      await mkdir(dirname(path), { recursive: true });
      await placed(path, (fresh) => writeFile(fresh, commit));
    });
  }

  async knowsMissing(commit: string, path: string): Promise<boolean> {
    return (await sizeOf(this.#noExist(commit, path))) !== undefined;
  }

  /** Remembers that the commit has no such file, so that it can be said offline too. */
  async rememberMissing(commit: string, path: string): Promise<void> {
    const marker = this.#noExist(commit, path);
    await ignoringErrors(async () => {
      await mkdir(dirname(marker), { recursive: true });
      await writeFile(marker, "");
    });
  }

  /**
   * Makes the folder for blobs, and clears away what killed downloads of this one have left.
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
   * Lets a file of the snapshot be the blob.
   * @throws DownloadError if the cache cannot be written.
   */
  async linkFile(commit: string, path: string, etag: string): Promise<void> {
    const blob = this.blob(etag);
    const pointer = join(this.snapshot(commit), path);
    await this.guarded(async () => {
      await mkdir(dirname(pointer), { recursive: true });
      await placed(pointer, (fresh) => linkSomehow(blob, fresh));
    });
  }

  /** Runs a file operation, turning its failure into one that names the cache and the way out. */
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

/** A name beside `path` that no other download has, in the pattern that Python uses too. */
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

/** Makes a file under a passing name and moves it to its own at one stroke, over whatever stood there. */
async function placed(path: string, make: (fresh: string) => Promise<void>): Promise<void> {
  const fresh = incompleteName(path);
  try {
    await make(fresh);
    await rename(fresh, path);
  } finally {
    await rm(fresh, { force: true });
  }
}

/** Windows allows symbolic links only to developers, and some file systems know no links at all. */
async function linkSomehow(blob: string, fresh: string): Promise<void> {
  try {
    // Both have the same folder for parent, so the link stays right when the cache is moved.
    await symlink(join(relative(dirname(fresh), dirname(blob)), basename(blob)), fresh);
  } catch {
    await link(blob, fresh).catch(() => copyFile(blob, fresh));
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
