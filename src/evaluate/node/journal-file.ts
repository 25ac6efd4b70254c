/**
 * The append-only file of an evaluation's journal.
 *
 * Must stay true: when `append` resolves, the operating system has the data, so that it outlives the process; one
 * process at a time writes the file.
 */
import { existsSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { FusebertError } from "../../errors.ts";
import { LockFile } from "../../files/lock-file.ts";
import { maxTextLimit, readFileBytes } from "../../files/read-bytes.ts";
import { writeFailure } from "../../files/write-failure.ts";
import { type Contexts, formatLine, type JournalHead, readJournal } from "../journal.ts";
import type { QuestionPrediction } from "../predict.ts";

export class JournalFile {
  readonly path: string;
  /** Predictions of earlier runs. */
  readonly earlier: readonly QuestionPrediction[];
  readonly #file: FileHandle;
  readonly #lock: LockFile;

  private constructor(path: string, earlier: readonly QuestionPrediction[], file: FileHandle, lock: LockFile) {
    this.path = path;
    this.earlier = earlier;
    this.#file = file;
    this.#lock = lock;
  }

  /**
   * Starts a journal, or continues an existing one.
   * @param contexts of the data set.
   * @throws InputError if it has another head, is damaged, is in use by another process, or cannot be written;
   * WriteError if the disk is full.
   */
  static async open(path: string, head: JournalHead, contexts: Contexts): Promise<JournalFile> {
    return orFailure(path, async () => {
      const lock = await LockFile.take(`${path}.lock`, path);
      try {
        const bytes = await readBytes(path);
        const earlier = readJournal(bytes.toString("utf8"), head, path, contexts);
        const file = await open(path, "a+");
        try {
          const completeLength = bytes.lastIndexOf("\n") + 1;
          await file.truncate(completeLength);
          if (completeLength === 0) await file.appendFile(formatLine(head));
          return new JournalFile(path, earlier, file, lock);
        } catch (error) {
          await file.close();
          throw error;
        }
      } catch (error) {
        await lock.release();
        throw error;
      }
    });
  }

  /** @throws WriteError if the disk is full; earlier predictions are kept. */
  async append(prediction: QuestionPrediction): Promise<void> {
    await orFailure(this.path, () => this.#file.appendFile(formatLine(prediction)));
  }

  async close(): Promise<void> {
    try {
      await this.#file.close();
    } finally {
      await this.#lock.release();
    }
  }

  /** Deletes the journal, after its predictions are written elsewhere. */
  async remove(): Promise<void> {
    try {
      await this.#file.close();
      await rm(this.path, { force: true });
    } finally {
      await this.#lock.release();
    }
  }
}

async function readBytes(path: string): Promise<Buffer> {
  if (!existsSync(path)) return Buffer.alloc(0);
  return readFileBytes(path, {
    limit: maxTextLimit,
    expected: "the journal of an evaluation, or nothing",
    ordinaryOnly: true,
    adviceIfOther: "Move it elsewhere, or name another file for the result.",
  });
}

async function orFailure<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof FusebertError) throw cause;
    throw writeFailure(path, cause, {
      expected: "a path in a folder that exists",
      kept: "What was written before is kept: free some space, and the same command goes on from there.",
    });
  }
}
