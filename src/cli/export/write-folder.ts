/**
 * Writes a folder of files, all of them or none.
 *
 * Must stay true: nothing gets its name before everything is written, so that what interrupts the writing leaves nothing
 * behind and replaces nothing; files of other names are never touched.
 */
import { mkdir, mkdtemp, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { codeOf, type FusebertError, InputError } from "../../errors.ts";
import { writeFailure } from "../../files/write-failure.ts";

/**
 * Before work that lasts: whether the folder may be written to.
 * @param force also where there is something already.
 * @throws InputError if it is not empty or no folder.
 */
export async function checkOutputFolder(folder: string, force: boolean): Promise<void> {
  const entries = await entriesOf(folder);
  const [first] = entries;
  if (first === undefined || force) return;
  throw new InputError({
    found: `the folder ${folder} is not empty: it holds ${first}${entries.length > 1 ? ` and ${entries.length - 1} more` : ""}`,
    expected: "an empty folder, or none",
    advice: "With --force files of the same names are replaced, and others stay.",
  });
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return [];
    throw unwritable(folder, cause);
  }
}

/** Told the bytes of all files that are written. */
export type OnWritten = (done: number, total: number) => void;

/**
 * @param files by their path in the folder, which is made if need be.
 * @param signal stops it as long as no file has got its name; the promise rejects with its reason.
 * @throws InputError if something cannot be written, WriteError if the disk is full.
 */
export async function writeFolder(
  folder: string,
  files: ReadonlyMap<string, Uint8Array>,
  signal: AbortSignal,
  onWritten: OnWritten,
): Promise<void> {
  const total = [...files.values()].reduce((sum, { length }) => sum + length, 0);
  let done = 0;
  let made: string | undefined;
  let staging: string | undefined;
  try {
    made = await mkdir(folder, { recursive: true });
    staging = await mkdtemp(join(folder, ".incomplete-"));
    for (const [path, bytes] of files) {
      const place = join(staging, path);
      await mkdir(dirname(place), { recursive: true });
      for await (const written of writing(place, bytes)) {
        signal.throwIfAborted();
        done += written;
        onWritten(done, total);
      }
    }
    for (const path of files.keys()) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await rename(join(staging, path), join(folder, path));
    }
    await rm(staging, { recursive: true });
  } catch (cause) {
    // The topmost folder that was made here holds nothing but what was written here.
    const ours = made ?? staging;
    if (ours !== undefined) await rm(ours, { recursive: true, force: true });
    signal.throwIfAborted();
    throw unwritable(folder, cause);
  }
}

/** Bytes between two looks at the signal. */
const pieceSize = 2 ** 24;

/** Writes a new file, and gives the number of bytes after every piece; the last comes when all are on the disk. */
async function* writing(path: string, bytes: Uint8Array): AsyncGenerator<number> {
  await using file = await open(path, "wx");
  for (let start = 0; start < bytes.length; start += pieceSize) {
    const piece = bytes.subarray(start, start + pieceSize);
    await file.writeFile(piece);
    if (start + pieceSize >= bytes.length) await file.sync();
    yield piece.length;
  }
}

function unwritable(folder: string, cause: unknown): FusebertError {
  return writeFailure(`the folder ${folder}`, cause, {
    expected: "a folder, or a path where one can be made",
    kept: "What was in it before is kept, and nothing was added: make room, or name a folder elsewhere.",
  });
}
