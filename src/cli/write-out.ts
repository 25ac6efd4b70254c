/**
 * Writes a report to the path that the user gave.
 *
 * Must stay true: an existing file is replaced as a whole or not at all; pipes, devices and links are written to directly.
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

/** No temporary file can be created in the folder; the file itself may still be writable. */
const cannotCreate = ["EACCES", "EPERM", "EROFS", "ENAMETOOLONG", "EEXIST"];

/** @returns whether the file was written; if not, nothing has changed. */
async function replaceWhole(path: string, content: string): Promise<boolean> {
  const before = await lstat(path).catch(() => undefined);
  if (before !== undefined && !before.isFile()) return false;
  const fresh = `${path}.${process.pid}.incomplete`;
  try {
    await writeFile(fresh, content, { flag: "wx", ...(before !== undefined && { mode: before.mode }) });
    await rename(fresh, path);
    return true;
  } catch (error) {
    if (cannotCreate.includes(codeOf(error))) return false;
    await rm(fresh, { force: true });
    throw error;
  }
}

/** Called before long work. @throws InputError if the folder is missing or not writable. */
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
    kept: "The previous file is kept: make room, or choose another path.",
  });
}
