/**
 * A file that says which process is at work on another file, so that two never are. Node only.
 *
 * It is made with O_EXCL and names the process, by its number, its start and its machine. A lock whose process is gone is
 * taken over, so that one that was killed leaves nothing behind that a person has to remove. (The library proper-lockfile
 * keeps a lock alive by touching it every few seconds instead, which a process that computes for longer cannot do.)
 *
 * Must stay true: a lock of a living process of this machine is never taken over; one of another machine, of which nothing
 * can be known, neither; what is no lock is left as it is.
 */
import { randomUUID } from "node:crypto";
import { lstat, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import * as v from "valibot";
import { codeOf, InputError } from "../errors.ts";

const Owner = v.object({ pid: v.pipe(v.number(), v.integer(), v.minValue(1)), started: v.string(), host: v.string() });
type Owner = v.InferOutput<typeof Owner>;

/** A lock that names no process yet is being written, or its process was killed at that very moment. */
const beingWrittenMs = 5000;
/** Bytes; the names of machines are short. */
const longestOwner = 1000;

export class LockFile {
  readonly #path: string;

  readonly #content: string;

  private constructor(path: string, content: string) {
    this.#path = path;
    this.#content = content;
  }

  /**
   * @param path of the lock, which is made.
   * @param subject what is locked, in errors.
   * @throws InputError if another process has it, or something else is there; the system's error if it cannot be made.
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
      await takeAway(path, subject);
    }
  }

  /** Leaves the lock of a process that took this one's place. */
  async release(): Promise<void> {
    const found = await readFile(this.#path, "utf8").catch(() => undefined);
    if (found === this.#content) await rm(this.#path, { force: true });
  }
}

/** Makes way for a new lock if the process of this one is gone. */
async function takeAway(path: string, subject: string): Promise<void> {
  const found = await look(path, subject);
  if (found === undefined) return;
  const { content, owner, changed } = found;
  const isHeld = owner === undefined ? Date.now() - changed < beingWrittenMs : await isAtWork(owner);
  if (isHeld) throw inUse(path, subject, owner);
  // Of several processes that find it, one moves it; another may have moved it and made its own since it was looked at.
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

interface Found {
  readonly content: string;
  /** Absent where the file is empty. */
  readonly owner: Owner | undefined;
  /** When it was last written, in milliseconds since 1970. */
  readonly changed: number;
}

/**
 * The lock that is there, if there is one.
 * @throws InputError if something else has its name; the system's error if it cannot be read.
 */
async function look(path: string, subject: string): Promise<Found | undefined> {
  try {
    const info = await lstat(path);
    const content = info.isFile() && info.size <= longestOwner ? await readFile(path, "utf8") : undefined;
    const owner = ownerIn(content);
    if (content === "" || (content !== undefined && owner !== undefined)) {
      return { content, owner, changed: info.mtimeMs };
    }
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  throw new InputError({
    found: `${path} is no lock of fusebert`,
    expected: `nothing of that name: it marks that a process is at work on ${subject}`,
    advice: "Move it elsewhere, or name another file.",
  });
}

function ownerIn(content: string | undefined): Owner | undefined {
  try {
    return v.parse(Owner, JSON.parse(content ?? ""));
  } catch {
    return undefined;
  }
}

async function isAtWork({ pid, started, host }: Owner): Promise<boolean> {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: there is such a process, of another user.
    if (codeOf(error) === "ESRCH") return false;
  }
  return (await startOf(pid)) === started;
}

/** When a process was started, in ticks since the machine was: numbers of processes are used again. Known on Linux alone. */
async function startOf(pid: number): Promise<string> {
  const line = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  // The name, in parentheses, may hold anything.
  return line.slice(line.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

function inUse(path: string, subject: string, owner: Owner | undefined): InputError {
  const by = owner === undefined ? "another process" : `process ${owner.pid} on ${owner.host}`;
  return new InputError({
    found: `${by} is at work on ${subject}`,
    expected: "one at a time",
    advice: `Wait until it is done, or name another file; if there is no such process any more, delete ${path}.`,
  });
}
