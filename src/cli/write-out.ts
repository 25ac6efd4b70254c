/**
 * Writes a report where the user asked for it.
 *
 * Must stay true: a file that stood there is replaced by a whole one or not at all; pipes, devices and links are written to.
 */
import { constants } from "node:fs";
import { access, lstat, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf, type FusebertError } from "../errors.ts";
import { writeFailure } from "../files/write-failure.ts";

/** @throws InputError if the file cannot be written, WriteError if the disk is full. */
export async function writeOut(path: string, content: string): Promise<void> {
  try {
    if (!(await replaceWhole(path, content))) await writeFile(path, content);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/** Where no file may be made beside it, though it may be written itself. */
const notBeside = ["EACCES", "EPERM", "EROFS", "ENAMETOOLONG", "EEXIST"];

/** @returns whether it is written; if not, nothing has changed. */
async function replaceWhole(path: string, content: string): Promise<boolean> {
  const before = await lstat(path).catch(() => undefined);
  if (before !== undefined && !before.isFile()) return false;
  const fresh = `${path}.${process.pid}.incomplete`;
  try {
    await writeFile(fresh, content, { flag: "wx", ...(before !== undefined && { mode: before.mode }) });
    await rename(fresh, path);
    return true;
  } catch (error) {
    if (notBeside.includes(codeOf(error))) return false;
    await rm(fresh, { force: true });
    throw error;
  }
}

/**
 * Before work that lasts: whether there will be a place for its result.
 * @throws InputError if the folder is missing, or nothing may be written there.
 */
export async function checkFolderOf(path: string): Promise<void> {
  try {
    await access(dirname(path), constants.W_OK);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

function unwritable(path: string, cause: unknown): FusebertError {
  return writeFailure(path, cause, {
    expected: "a path in a folder that exists",
    kept: "What stood there before is kept: make room, or name a file elsewhere.",
  });
}
