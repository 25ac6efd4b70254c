/**
 * Writes a report where the user asked for it.
 */
import { writeFile } from "node:fs/promises";
import { InputError, messageOf } from "../errors.ts";

/** @throws InputError if the file cannot be written. */
export async function writeOut(path: string, content: string): Promise<void> {
  try {
    await writeFile(path, content);
  } catch (cause) {
    throw new InputError({
      found: `${path} cannot be written (${messageOf(cause)})`,
      expected: "a path in a folder that exists",
      cause,
    });
  }
}
