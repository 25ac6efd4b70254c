/**
 * Writes a folder of files, all of them or none.
 *
 * Must stay true: no file gets its name before all are written, so that an interruption leaves nothing behind and replaces
 * nothing; files of other names are never touched.
 */
import { mkdir, mkdtemp, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { codeOf, type FusebertError, InputError } from "../../errors.ts";
import { writeFailure } from "../../files/write-failure.ts";

/**
 * Called before long work.
 * @param force accepts a folder that is not empty.
 * @throws InputError if the folder is not empty, or not a folder.
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

/** Receives the bytes written so far, over all files. */
export type OnWritten = (done: number, total: number) => void;

/**
 * @param files by their path in the folder, which is created if it is missing.
 * @param signal stops the writing until the first file gets its name; the promise rejects with its reason.
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
  let created: string | undefined;
  let staging: string | undefined;
  try {
    created = await mkdir(folder, { recursive: true });
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
    // The topmost folder created here holds only files written here.
    const ours = created ?? staging;
    if (ours !== undefined) await rm(ours, { recursive: true, force: true });
    signal.throwIfAborted();
    throw unwritable(folder, cause);
  }
}

/** Bytes between two checks of the signal. */
const pieceSize = 2 ** 24;

/** Writes a new file and yields the bytes of every piece, the last after fsync. */
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
    expected: "a folder, or a path where one can be created",
    kept: "Its previous files are kept, and nothing was added: make room, or choose a folder elsewhere.",
  });
}
