/**
 * Writes a report where the user asked for it.
 */
import { constants } from "node:fs";
import { access, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { InputError, messageOf } from "../errors.ts";

/** @throws InputError if the file cannot be written. */
export async function writeOut(path: string, content: string): Promise<void> {
  try {
    await writeFile(path, content);
  } catch (cause) {
    throw unwritable(path, cause);
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

function unwritable(path: string, cause: unknown): InputError {
  return new InputError({
    found: `${path} cannot be written (${messageOf(cause)})`,
    expected: "a path in a folder that exists",
    cause,
  });
}
