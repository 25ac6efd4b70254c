/**
 * A lock file: one process at a time works on a file. Node only.
 *
 * It is created with O_EXCL and identifies its process by pid, start time and host. The lock of a dead process is taken
 * over, so that a killed process leaves nothing to clean up. (The library proper-lockfile refreshes a lock every few
 * seconds instead, which a process that computes for longer cannot do.)
 *
 * Must stay true: the lock of a live process, or of any process on another host, is never taken over; a file that is
 * not a lock is never changed.
 */
import { randomUUID } from "node:crypto";
import { lstat, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import * as v from "valibot";
import { codeOf, InputError } from "../errors.ts";

const Owner = v.object({ pid: v.pipe(v.number(), v.integer(), v.minValue(1)), started: v.string(), host: v.string() });
type Owner = v.InferOutput<typeof Owner>;

/** An empty lock younger than this is being written; an older one was left by a process killed while writing it. */
const beingWrittenMs = 5000;
/** Bytes of a lock. */
const maxLockSize = 1000;

export class LockFile {
  readonly #path: string;
  readonly #content: string;

  private constructor(path: string, content: string) {
    this.#path = path;
    this.#content = content;
  }

  /**
   * @param path of the lock file.
   * @param subject what is locked, for errors.
   * @throws InputError if another process holds it, or `path` is not a lock; the system's error if creation fails.
   */
  static async take(path: string, subject: string): Promise<LockFile> {
    const owner: Owner = { pid: process.pid, started: await startOf(process.pid), host: hostname() };
    const content = JSON.stringify(owner);
    for (;;) {
      try {
        await writeFile(path, content, { flag: "wx" });
        return new LockFile(path, content);
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error;
      }
      await removeStale(path, subject);
    }
  }

  /** Does not remove the lock of a process that took over. */
  async release(): Promise<void> {
    const found = await readFile(this.#path, "utf8").catch(() => undefined);
    if (found === this.#content) await rm(this.#path, { force: true });
  }
}

/** @throws InputError if the lock is not stale. */
async function removeStale(path: string, subject: string): Promise<void> {
  const found = await readLock(path, subject);
  if (found === undefined) return;
  const { content, owner, changed } = found;
  const isHeld = owner === undefined ? Date.now() - changed < beingWrittenMs : await isAlive(owner);
  if (isHeld) throw inUse(path, subject, owner);
  // Only one process can move the stale lock; if another has replaced it since it was read, the move is undone.
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  if ((await readFile(aside, "utf8")) === content) return rm(aside, { force: true });
  await rename(aside, path);
  throw inUse(path, subject, undefined);
}

interface FoundLock {
  readonly content: string;
  /** Absent if the file is empty. */
  readonly owner: Owner | undefined;
  /** Time of the last write, in milliseconds since 1970. */
  readonly changed: number;
}

/** @throws InputError if `path` is not a lock; the system's error if it cannot be read. */
async function readLock(path: string, subject: string): Promise<FoundLock | undefined> {
  try {
    const info = await lstat(path);
    const content = info.isFile() && info.size <= maxLockSize ? await readFile(path, "utf8") : undefined;
    const owner = parseOwner(content);
    if (content === "" || (content !== undefined && owner !== undefined)) {
      return { content, owner, changed: info.mtimeMs };
    }
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  throw new InputError({
    found: `${path} is not a lock file of fusebert`,
    expected: `no other file of that name: it would lock ${subject}`,
    advice: "Move it elsewhere, or name another file.",
  });
}

function parseOwner(content: string | undefined): Owner | undefined {
  try {
    return v.parse(Owner, JSON.parse(content ?? ""));
  } catch {
    return undefined;
  }
}

async function isAlive({ pid, started, host }: Owner): Promise<boolean> {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: the process exists and belongs to another user.
    if (codeOf(error) === "ESRCH") return false;
  }
  return (await startOf(pid)) === started;
}

/** Start time of a process in ticks since boot, because pids are reused. Empty except on Linux. */
async function startOf(pid: number): Promise<string> {
  const line = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  // The process name, in parentheses, may contain spaces and parentheses.
  return line.slice(line.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

function inUse(path: string, subject: string, owner: Owner | undefined): InputError {
  const by = owner === undefined ? "another process" : `process ${owner.pid} on ${owner.host}`;
  return new InputError({
    found: `${by} is working on ${subject}`,
    expected: "one process at a time",
    advice: `Wait until it is done, or name another file; if that process no longer exists, delete ${path}.`,
  });
}
